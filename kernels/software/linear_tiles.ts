/**
 * Entry points of linear that walk along K step by step, with a tile of rows and tokens in variables.
 *
 * Method     one SIMD group of eight lanes a workgroup. The next texel is loaded before the present one is used; accumulators are
 *            variables, since this driver puts arrays into memory.
 *
 * @module
 */
import { unroll } from "../assemble.ts";

/** Tokens of the `…_gemm` entries' workgroups: the last serves all larger batches, the others those that would not fill it. */
export const GEMM_TOKENS = [2, 4, 8] as const;

/** One entry point. */
interface Tile {
  readonly numTokens: number;
  /** Blocks of eight rows a lane: one, two where the end joins two, or two that lie side by side. */
  readonly blocks: "one" | "pair" | "wide";
  /** Whether eight groups of a row share a texel of scales; see lib/scales_rows_f16.wgsl. */
  readonly hasRowScales: boolean;
}

/** Entry points by name, for rows of any length. */
export function tileEntries(name: string, isPaired: boolean): Record<string, string> {
  const blocks = isPaired ? "pair" : "one";
  const hasRowScales = false;
  return {
    [`${name}_gemv`]: entryPoint(`${name}_gemv`, { numTokens: 1, blocks, hasRowScales }),
    ...(isPaired ? {} : {
      [`${name}_wide`]: entryPoint(`${name}_wide`, { numTokens: 1, blocks: "wide", hasRowScales }),
    }),
    ...gemmEntries(name, { isPaired, hasRowScales }),
  };
}

/** Entry points by name for several tokens. */
export function gemmEntries(
  name: string,
  { isPaired, hasRowScales }: { isPaired: boolean; hasRowScales: boolean },
): Record<string, string> {
  const blocks = isPaired ? "pair" : "one";
  return Object.fromEntries(GEMM_TOKENS.map((numTokens) => {
    const entry = `${name}_gemm${numTokens}`;
    return [entry, entryPoint(entry, { numTokens, blocks, hasRowScales })];
  }));
}

const ROWS = ["low.x", "low.y", "low.z", "low.w", "high.x", "high.y", "high.z", "high.w"];

/** Sums of block b's rows for token t are `sum_<b>_<t>_low` and `…_high`. */
function entryPoint(name: string, { numTokens, blocks: kind, hasRowScales }: Tile): string {
  const numBlocks = kind === "one" ? 1 : 2;
  const tokens = (line: (t: number) => string) => unroll(numTokens, line);
  const blocks = (line: (b: number) => string) => unroll(numBlocks, line);
  const stretch = hasRowScales ? "8u" : "STEPS_PER_LINE"; // steps that share a line, or texels of scales
  return `
@compute @workgroup_size(8)
fn ${name}(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let t = group.x * ${numTokens}u;
  let first = group.y * ${kind === "wide" ? 2 * 8 : 8}u + lane;
  let blocks = lane_blocks(first);
  ${tokens((t) => `let row_${t} = x_row(t + ${t}u);`)}
  ${
    blocks((b) =>
      tokens((t) => `
  var sum_${b}_${t}_low = vec4f(0.0);
  var sum_${b}_${t}_high = vec4f(0.0);`)
    )
  }
  for (var begin = 0u; begin < STEPS; begin += ${stretch}) {
    let end = min(STEPS, begin + ${stretch});
    ${
    blocks((b) => `
    var at_${b} = texel_of(blocks[${b}], begin);
    let lane_${b} = blocks[${b}] % LANES;
    ${hasRowScales ? loadRowScales(b) : ""}`)
  }
    for (var i = begin; i < end; i++) {
      ${tokens((t) => `let v_${t} = load_columns(i, row_${t});`)}
      ${blocks((b) => blockStep(b, numTokens, hasRowScales))}
    }
  }
  ${numTokens === 1 ? finishOne(numBlocks) : finishMany(numTokens, numBlocks)}
}
`;
}

function loadRowScales(b: number): string {
  return unroll(
    ROWS.length,
    (r) => `let scales_${b}_${r} = load_row_scales(${r}u, begin / 8u, lane_${b}, at_${b}.y);`,
  );
}

/** Eight rows of block b times the columns of all tokens. */
function blockStep(b: number, numTokens: number, hasRowScales: boolean): string {
  const load = (r: number) =>
    r < ROWS.length
      ? `let w_${b}_${r} = textureLoad(w, at_${b} + vec2u(${r}u * ROW_TEXELS, 0u));`
      : "";
  const scale = (r: number) =>
    hasRowScales ? `scale_of(scales_${b}_${r}, i - begin)` : `s_${b}.${ROWS[r]}`;
  return `
      ${hasRowScales ? "" : `let s_${b} = load_scales(i - begin, lane_${b}, at_${b}.y);`}
      ${load(0)}
      ${
    unroll(ROWS.length, (r) => `
      ${load(r + 1)}
      let row_${b}_${r} = unpack_row(w_${b}_${r});
      let scale_${b}_${r} = ${scale(r)};
      ${
      unroll(
        numTokens,
        (t) => `sum_${b}_${t}_${ROWS[r]} += dot_row(row_${b}_${r}, v_${t}, scale_${b}_${r});`,
      )
    }`)
  }
      at_${b}.x += STEP_TEXELS;`;
}

function finishOne(numBlocks: number): string {
  const sums = (b: number) => `sum_${b}_0_low * factor, sum_${b}_0_high * factor`;
  return `
  let factor = norm_factor(row_0);
  ${
    numBlocks === 1
      ? `finish(t, blocks.x, lane, ${sums(0)});`
      : `finish_pair(t, blocks, lane, ${sums(0)}, ${sums(1)});`
  }`;
}

/** The sums go into arrays only here, where a loop keeps the code short. */
function finishMany(numTokens: number, numBlocks: number): string {
  const arrays = (b: number, half: string) =>
    `var sums_${b}_${half} = array(${
      Array.from({ length: numTokens }, (_, t) => `sum_${b}_${t}_${half}`).join(", ")
    });`;
  const sums = (b: number) => `sums_${b}_low[i] * factor, sums_${b}_high[i] * factor`;
  return `
  var rows = array(${Array.from({ length: numTokens }, (_, t) => `row_${t}`).join(", ")});
  ${unroll(numBlocks, (b) => arrays(b, "low") + "\n" + arrays(b, "high"))}
  let num_tokens = min(${numTokens}u, last_token() + 1u - t);
  for (var i = 0u; i < num_tokens; i++) {
    let factor = norm_factor(rows[i]);
    ${
    numBlocks === 1
      ? `finish(t + i, blocks.x, lane, ${sums(0)});`
      : `finish_pair(t + i, blocks, lane, ${sums(0)}, ${sums(1)});`
  }
  }`;
}
