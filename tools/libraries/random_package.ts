/**
 * Writes a package of random weights that fits a compiled model library: every parameter that the library asks for, under
 * its name. It computes noise, but finite noise of a sane scale, so that two implementations can be compared on it.
 *
 * @module
 */
import { byteLevelSettings, byteLevelTokenizer } from "../../bench/byte_tokenizer.ts";
import { createRandom, randomCodes } from "../../bench/random_words.ts";
import { type Tensor, writeShards } from "../../bench/write_shards.ts";
import type { Library, LibraryParam } from "../../engine/backends/web_llm/library.ts";

/** What a package must fit. */
export type LibraryNeeds = Pick<Library, "modelType" | "quantization" | "params">;

/** Options of {@linkcode writeLibraryPackage}. */
export interface LibraryPackageOptions {
  /** The architecture's own dimensions, named as in its published config. */
  config: Record<string, unknown>;
  /** Rows of the embedding where the library leaves them open. */
  vocabSize: number;
  /** @default 1 */
  seed?: number;
}

/** Entries of the table that normal deviates are drawn from. */
const NUM_DEVIATES = 1 << 16;
const GROUP_SIZE = 32;
/** Standard deviation of codes that are uniform from -7 to 7 with 7 twice as likely. */
const CODE_DEVIATION = 4.5;

/** Writes the package into `dir`, which is created; one that is complete there is left as it is. */
export async function writeLibraryPackage(
  dir: string,
  library: LibraryNeeds,
  options: LibraryPackageOptions,
): Promise<void> {
  const { vocabSize, seed = 1 } = options;
  const tokenizer = byteLevelTokenizer();
  const settings = { ...chatConfig(library, options, tokenizer.endOfText), random_seed: seed };
  const config = JSON.stringify(settings, null, 2);
  const path = `${dir}/mlc-chat-config.json`;
  if (await Deno.readTextFile(path).catch(() => null) === config) return;
  await Deno.mkdir(dir, { recursive: true });
  const records = await writeShards(dir, listTensors(library.params, vocabSize, seed));
  await Deno.writeTextFile(`${dir}/tensor-cache.json`, JSON.stringify({ metadata: {}, records }));
  await Deno.writeTextFile(`${dir}/tokenizer.json`, JSON.stringify(tokenizer.json));
  await Deno.writeTextFile(path, config); // last: a folder with this file is complete
}

function chatConfig(
  { modelType, quantization }: LibraryNeeds,
  { config, vocabSize }: LibraryPackageOptions,
  endOfText: number,
) {
  const contextLength = 4096;
  return {
    model_type: modelType,
    quantization,
    model_config: { ...config, vocab_size: vocabSize, context_window_size: contextLength },
    vocab_size: vocabSize,
    context_window_size: contextLength,
    sliding_window_size: -1,
    attention_sink_size: -1,
    ...byteLevelSettings(endOfText),
    bos_token_id: endOfText,
  };
}

function* listTensors(
  params: readonly LibraryParam[],
  vocabSize: number,
  seed: number,
): Generator<Tensor> {
  const random = createRandom(seed);
  const deviates = createDeviates(random);
  for (const { name, shape: open, dtype } of params) {
    const shape = open.map((size) => typeof size === "number" ? size : vocabSize);
    const count = shape.reduce((product, size) => product * size, 1);
    const bytes = dtype === "uint32"
      ? randomCodes(random, count)
      : toBytes(randomValues(random, { name, shape, count, deviates }), dtype);
    yield { name, shape, dtype: dtype as Tensor["dtype"], bytes };
  }
}

interface ValueOptions {
  name: string;
  shape: readonly number[];
  count: number;
  deviates: Float32Array;
}

/** Norms near 1, small biases, matrices with the variance 1 / K. */
function randomValues(random: () => number, options: ValueOptions): Float32Array<ArrayBuffer> {
  const { name, shape, count, deviates } = options;
  const values = new Float32Array(count);
  const k = shape.at(-1)!;
  const isNorm = shape.length === 1 && !name.endsWith(".bias");
  for (let i = 0; i < count; i++) {
    if (name.endsWith(".q_scale")) {
      const mean = 1 / (CODE_DEVIATION * Math.sqrt(k * GROUP_SIZE));
      values[i] = mean * (0.75 + 0.5 * random() / 2 ** 32);
    } else if (isNorm) values[i] = 0.9 + 0.2 * random() / 2 ** 32;
    else if (shape.length === 1) values[i] = 0.1 * (random() / 2 ** 32 - 0.5);
    else values[i] = deviates[random() & (NUM_DEVIATES - 1)]! / Math.sqrt(k);
  }
  return values;
}

/** Standard normal deviates, by Box and Muller. */
function createDeviates(random: () => number): Float32Array {
  return Float32Array.from(
    { length: NUM_DEVIATES },
    () =>
      Math.sqrt(-2 * Math.log((random() + 1) / 2 ** 32)) *
      Math.cos(2 * Math.PI * random() / 2 ** 32),
  );
}

function toBytes(values: Float32Array<ArrayBuffer>, dtype: string): Uint8Array<ArrayBuffer> {
  if (dtype === "float32") return new Uint8Array(values.buffer);
  if (dtype === "float16") return new Uint8Array(new Float16Array(values).buffer);
  throw new RangeError(`The library asks for ${dtype}, which no package of ours is written in`);
}
