/**
 * Entry points of linear that walk along K step by step, with a tile of rows and tokens in variables.
 *
 * Method     one SIMD group of eight lanes a workgroup. A lane loads the columns of one token and tells the others: a load costs the same
 *            whether lanes want eight texels or one. The next texel is loaded before the present one is used; accumulators are variables,
 *            since this driver puts arrays into memory.
 *
 * @module
 */
import { unroll } from "../assemble.ts";

/**
 * Tokens of the `…_gemm` entries' workgroups: the last serves all larger batches, the others those that would not fill it. No more
 * than the smallest subgroup has lanes, of which each loads the columns of one.
 */
export const GEMM_TOKENS = [2, 4] as const;

/** What all entry points of a kernel have in common. */
export interface TileOptions {
  /** Blocks of eight rows a lane: one, two where the end joins two, or two that lie side by side. */
  readonly blocks: "one" | "pair" | "wide";
  /** Whether the steps of a row lie together, and not those of a tile. */
  readonly isByRows: boolean;
  /** Whether codes meet integers. */
  readonly isInteger: boolean;
  /** Of the format's `Columns`. */
  readonly columnFields: readonly string[];
}

const ROWS = ["low.x", "low.y", "low.z", "low.w", "high.x", "high.y", "high.z", "high.w"];

/** The entry point for so many tokens. Sums of block b's rows for token t are `sum_<b>_<t>_low` and `…_high`. */
export function tileEntryPoint(
  name: string,
  numTokens: number,
  { blocks: kind, isByRows, isInteger, columnFields }: TileOptions,
): string {
  const numBlocks = kind === "one" ? 1 : 2;
  const tokens = (line: (t: number) => string) => unroll(numTokens, line);
  const blocks = (line: (b: number) => string) => unroll(numBlocks, line);
  return `${isInteger && numTokens > 1 ? dotRowWithAll(numTokens) : ""}
@compute @workgroup_size(8)
fn ${name}(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let t = group.x * ${numTokens}u;
  let first = group.y * ${kind === "wide" ? 2 * 8 : 8}u + lane;
  let blocks = lane_blocks(first);
  let own_row = x_row(t + lane % ${numTokens}u);
  ${
    blocks((b) =>
      tokens((t) => `
  var sum_${b}_${t}_low = vec4f(0.0);
  var sum_${b}_${t}_high = vec4f(0.0);`)
    )
  }
  ${isByRows ? "var touched = 0u;" : ""}
  let steps = num_steps();
  for (var begin = 0u; begin < steps; begin += STEPS_PER_LINE) {
    let end = min(steps, begin + STEPS_PER_LINE);
    ${
    blocks((b) => `
    var at_${b} = texel_of(blocks[${b}], begin);
    let lane_${b} = blocks[${b}] % LANES;`)
  }
    ${isByRows ? blocks((b) => unroll(NUM_TOUCHES, (i) => touchRows(b, i))) : ""}
    for (var i = begin; i < end; i++) {
      ${
    numTokens === 1
      ? "let v_0 = load_shared_columns(i, own_row, lane);"
      : "let own = load_columns(i, own_row);\n" +
        tokens((t) => `let v_${t} = ${columnsOf(t, columnFields)};`)
  }
      ${blocks((b) => blockStep(b, numTokens, isInteger))}
    }
  }
  ${isByRows ? "if (step.num_tokens == 0u) { sum_0_0_low.x += f32(touched); }" : ""}
  ${numTokens === 1 ? finishOne(numBlocks) : finishMany(numTokens, numBlocks)}
}
`;
}

/** Cache lines at the start of each row that are loaded before the first step. */
const NUM_TOUCHES = 4;

/** A lane a row: the processor fetches ahead only where loads follow each other, so each row's first ones would be waited for. */
function touchRows(b: number, i: number): string {
  const x = `at_${b}.x - lane_${b} + lane * ROW_TEXELS + ${4 * i}u`;
  return `touched |= textureLoad(w, vec2u(${x}, at_${b}.y)).x;`;
}

/** Eight rows of block b times the columns of all tokens. */
function blockStep(b: number, numTokens: number, isInteger: boolean): string {
  const load = (r: number) =>
    r < ROWS.length
      ? `let w_${b}_${r} = textureLoad(w, at_${b} + vec2u(${r}u * ROW_TEXELS, 0u));`
      : "";
  return `
      let s_${b} = load_scales(i - begin, lane_${b}, at_${b}.y);
      ${load(0)}
      ${
    unroll(ROWS.length, (r) => `
      ${load(r + 1)}
      let row_${b}_${r} = unpack_row(w_${b}_${r});
      let scale_${b}_${r} = s_${b}.${ROWS[r]};
      ${addDots(b, r, numTokens, isInteger)}`)
  }
      at_${b}.x += STEP_TEXELS;`;
}

/** What lane t loaded, in all lanes. */
function columnsOf(t: number, fields: readonly string[]): string {
  return `Columns(${fields.map((field) => `subgroupBroadcast(own.${field}, ${t}u)`).join(", ")})`;
}

/** Adds a row's products with all tokens. */
function addDots(b: number, r: number, numTokens: number, isInteger: boolean): string {
  const tokens = (line: (t: number) => string) => unroll(numTokens, line);
  const row = `row_${b}_${r}`;
  const scale = `scale_${b}_${r}`;
  const sum = (t: number) => `sum_${b}_${t}_${ROWS[r]}`;
  if (!isInteger || numTokens === 1) {
    return tokens((t) => `${sum(t)} += dot_row(${row}, v_${t}, ${scale});`);
  }
  const columns = Array.from({ length: numTokens }, (_, t) => `v_${t}`).join(", ");
  return `
      let dots_${b}_${r} = dot_row_with_all(${row}, ${columns}, ${scale});
      ${tokens((t) => `${sum(t)} += dots_${b}_${r}.t${t};`)}`;
}

/**
 * A row's products with all tokens, of integers: a word of codes with each token before the next word. Then the processor holds codes in
 * registers and takes columns from memory, where token by token it moves both.
 */
function dotRowWithAll(numTokens: number): string {
  const list = (item: (t: number) => string) =>
    Array.from({ length: numTokens }, (_, t) => item(t)).join(", ");
  return `
struct Dots {
  ${list((t) => `t${t}: f32`)}
}

fn dot_row_with_all(codes: Codes, ${list((t) => `v_${t}: Columns`)}, scale: f32) -> Dots {
  ${unroll(numTokens, (t) => `var sum_${t} = v_${t}.start;`)}
  ${unroll(4, (i) => unroll(numTokens, (t) => `sum_${t} += dot(codes.c${i}, v_${t}.x${i});`))}
  return Dots(${list((t) => `value_of(sum_${t}, v_${t}, scale)`)});
}
`;
}

function finishOne(numBlocks: number): string {
  const sums = (b: number) => `sum_${b}_0_low * factor, sum_${b}_0_high * factor`;
  return `
  let factor = norm_factor(own_row);
  ${
    numBlocks === 1
      ? `finish(t, blocks.x, lane, ${sums(0)}, begin_ending(blocks));`
      : `finish_pair(t, blocks, lane, ${sums(0)}, ${sums(1)}, begin_ending(blocks));`
  }`;
}

/**
 * In a loop, which keeps the code short; its end goes through a broadcast, or the driver would see that it is small, and unroll it. A
 * token's sums are selected, since this driver puts arrays into memory.
 */
function finishMany(numTokens: number, numBlocks: number): string {
  const choose = (values: readonly string[], first: number): string => {
    if (values.length === 1) return values[0]!;
    const half = values.length / 2;
    const [low, high] = [
      choose(values.slice(0, half), first),
      choose(values.slice(half), first + half),
    ];
    return `select(${low}, ${high}, i >= ${first + half}u)`;
  };
  const ofToken = (value: (t: number) => string) =>
    choose(Array.from({ length: numTokens }, (_, t) => value(t)), 0);
  const sums = (b: number) =>
    ["low", "high"].map((half) => `${ofToken((t) => `sum_${b}_${t}_${half}`)} * factor`).join(", ");
  return `
  let own_factor = norm_factor(own_row);
  ${unroll(numTokens, (t) => `let factor_${t} = subgroupBroadcast(own_factor, ${t}u);`)}
  let num_tokens = subgroupBroadcast(min(${numTokens}u, last_token() + 1u - t), 0u);
  let ending = begin_ending(blocks);
  for (var i = 0u; i < num_tokens; i++) {
    let factor = ${ofToken((t) => `factor_${t}`)};
    ${
    numBlocks === 1
      ? `finish(t + i, blocks.x, lane, ${sums(0)}, ending);`
      : `finish_pair(t + i, blocks, lane, ${sums(0)}, ${sums(1)}, ending);`
  }
  }`;
}
