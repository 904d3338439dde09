/**
 * Compares compiled model libraries with our kernels on random weights: the next-token logits of 20 prompts, and whether four
 * streams at once say what each says alone. Prints a Markdown report.
 *
 *     deno run -A tools/libraries/main.ts [--out FILE] [--packages DIR] [--stream-tokens 8] LIBRARY.wasm …
 *
 * Libraries come from the public repository mlc-ai/binary-mlc-llm-libs; their packages are written below DIR at the first
 * use, up to 2.5 GB each.
 *
 * @module
 */
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Library, readLibrary } from "../../engine/backends/web_llm/library.ts";
import { MODEL_CONFIGS } from "./model_configs.ts";
import { writeLibraryPackage } from "./random_package.ts";
import type { RunOptions, RunResult } from "./run_prompts.ts";

const NUM_PROMPTS = 20;
const NUM_STREAMS = 4;
const CHILD = fileURLToPath(new URL("./run_prompts.ts", import.meta.url));

/** Differences of logits over all prompts. */
interface Difference {
  /** Largest, in logits. */
  max: number;
  /** Root mean square. */
  rms: number;
  /** Root mean square of the library's logits around their mean. */
  spread: number;
  /** Prompts with the same most likely token. */
  numSameTop: number;
}

/** Prompts of 1 to 12 tokens, the same in each run. */
function makePrompts(): number[][] {
  const texts = "Name three planets of the solar system, and say which of them is the largest one.";
  return Array.from({ length: NUM_PROMPTS }, (_, i) => {
    const length = 1 + (i * 7) % 12;
    return [...texts.slice(i, i + length)].map((letter) => letter.charCodeAt(0));
  });
}

async function runBackend(options: RunOptions): Promise<RunResult> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", CHILD, JSON.stringify(options)],
    stderr: "inherit",
  });
  const { success, stdout } = await command.output();
  if (!success) throw new Error(`${options.backend} failed on ${options.library}`);
  return JSON.parse(new TextDecoder().decode(stdout));
}

function compare(ours: Float32Array, theirs: Float32Array, vocabSize: number): Difference {
  let [max, squares, numSameTop, spread] = [0, 0, 0, 0];
  for (let start = 0; start < theirs.length; start += vocabSize) {
    const a = ours.subarray(start, start + vocabSize);
    const b = theirs.subarray(start, start + vocabSize);
    const mean = b.reduce((sum, value) => sum + value, 0) / vocabSize;
    let [topA, topB] = [0, 0];
    for (let i = 0; i < vocabSize; i++) {
      const difference = Math.abs(a[i]! - b[i]!);
      if (!(difference <= max)) max = difference; // NaN must show
      squares += difference ** 2;
      spread += (b[i]! - mean) ** 2;
      if (a[i]! > a[topA]!) topA = i;
      if (b[i]! > b[topB]!) topB = i;
    }
    if (topA === topB) numSameTop++;
  }
  const rms = (sum: number) => Math.sqrt(sum / theirs.length);
  return { max, rms: rms(squares), spread: rms(spread), numSameTop };
}

async function readLogits(path: string): Promise<Float32Array> {
  return new Float32Array((await Deno.readFile(path)).buffer);
}

async function compareLibrary(
  path: string,
  { packages, numStreamTokens }: { packages: string; numStreamTokens: number },
): Promise<string> {
  const library = await readLibrary(path);
  const name = basename(path).replace(/-ctx.*$/, "");
  const model = Object.entries(MODEL_CONFIGS).find(([prefix]) => name.includes(prefix))?.[1];
  if (!model) {
    throw new RangeError(`No dimensions are known for ${name}; add them to model_configs.ts`);
  }
  const dir = join(packages, name);
  await writeLibraryPackage(dir, library, model);
  const base = {
    dir,
    library: path,
    prompts: makePrompts(),
    numStreams: NUM_STREAMS,
    numStreamTokens,
  };
  const files = { ours: join(dir, "wgsl.f32"), theirs: join(dir, "web_llm.f32") };
  const ours = await runBackend({ ...base, backend: "wgsl", out: files.ours });
  const theirs = await runBackend({ ...base, backend: "web-llm", out: files.theirs });
  const difference = compare(
    await readLogits(files.ours),
    await readLogits(files.theirs),
    theirs.vocabSize,
  );
  for (const file of Object.values(files)) await Deno.remove(file);
  return formatRow(name, library, { ours, theirs, difference });
}

function formatRow(
  name: string,
  { abi }: Library,
  { ours, theirs, difference }: { ours: RunResult; theirs: RunResult; difference: Difference },
): string {
  const isSame = ({ alone, together }: RunResult) =>
    JSON.stringify(alone) === JSON.stringify(together) ? "yes" : "no";
  const cells = [
    name,
    abi,
    difference.max.toExponential(1),
    (difference.rms / difference.spread).toExponential(1),
    `${difference.numSameTop} of ${NUM_PROMPTS}`,
    isSame(theirs),
    isSame(ours),
    (theirs.stepMs.alone / ours.stepMs.alone).toFixed(1),
    (theirs.stepMs.together / ours.stepMs.together).toFixed(1),
    theirs.reasons.join("; ") || "batches, shares prefixes",
  ];
  return `| ${cells.join(" | ")} |`;
}

const HEADER =
  `| library | convention | largest difference | rms difference / spread | same most likely token | four streams as alone: library | ours | library's step / ours, 1 stream | 4 streams | library |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |`;

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      out: { type: "string" },
      packages: { type: "string", default: ".cache/libraries" },
      "stream-tokens": { type: "string", default: "8" },
    },
  });
  const rows: string[] = [];
  for (const path of positionals) {
    rows.push(
      await compareLibrary(path, {
        packages: values.packages,
        numStreamTokens: Number(values["stream-tokens"]),
      }),
    );
    console.log(rows.at(-1));
  }
  if (values.out) await Deno.writeTextFile(values.out, `${HEADER}\n${rows.join("\n")}\n`);
}
