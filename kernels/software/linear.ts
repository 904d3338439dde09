/**
 * linear: a fully connected layer on tiles of weights, with what follows it in the same dispatch.
 *
 *     v[t, n] = (1 / rms of x[t] where it is normed) · Σ_k x[t, k] · w[n, k], and then the end
 *
 * Bindings (group 0)
 *   step, x, x_squares (normed only), w, scales (q4 only), and those of the end
 *   x          texture     [T, K], as lib/stage_int8.wgsl or lib/stage_f32.wgsl leaves it
 *   x_squares  texture     texel (tile, t): Σ of 64 columns' squares; see lib/residual.wgsl
 *   w          texture     see lib/row_tiles.wgsl; codes past K are 7, other weights past K zero
 *   scales     texture     a lane's eight scales a group: one texel of f16 (int8 layers) or two of f32, on the lines of w
 * Entries    …_gemv            one token, a block of eight rows a lane:  dispatch (1, tiles)
 *            …_wide            one token, two blocks a lane:             dispatch (1, ceil(tiles / 2))
 *            …_gemm2, 4 and 8  so many tokens, a block a lane:           dispatch (ceil(T / tokens), tiles)
 *            An end that joins two blocks (`gated`, `rope`) has them in all entries, and no …_wide.
 *            All sum in the same order, so a row does not depend on how many tokens the step has.
 * Method     one SIMD group of eight lanes a workgroup. The next texel is loaded before the present one is used; accumulators are
 *            variables, since this driver puts arrays into memory.
 *
 * @module
 */
import endGated from "../lib/end_gated.wgsl" with { type: "text" };
import endResidual from "../lib/end_residual.wgsl" with { type: "text" };
import endRope from "../lib/end_rope.wgsl" with { type: "text" };
import endStore from "../lib/end_store.wgsl" with { type: "text" };
import gate from "../lib/gate.wgsl" with { type: "text" };
import kvBlockF16 from "../lib/kv_block_f16.wgsl" with { type: "text" };
import kvBlockF32 from "../lib/kv_block_f32.wgsl" with { type: "text" };
import kvTiles from "../lib/kv_tiles.wgsl" with { type: "text" };
import normFactor from "../lib/norm_factor.wgsl" with { type: "text" };
import q4 from "../lib/q4.wgsl" with { type: "text" };
import residual from "../lib/residual.wgsl" with { type: "text" };
import rowTiles from "../lib/row_tiles.wgsl" with { type: "text" };
import scalesF16 from "../lib/scales_f16.wgsl" with { type: "text" };
import scalesF32 from "../lib/scales_f32.wgsl" with { type: "text" };
import stageF32 from "../lib/stage_f32.wgsl" with { type: "text" };
import stageInt8 from "../lib/stage_int8.wgsl" with { type: "text" };
import step from "../lib/step.wgsl" with { type: "text" };
import texelF16 from "../lib/texel_f16.wgsl" with { type: "text" };
import texelF32 from "../lib/texel_f32.wgsl" with { type: "text" };
import weightsDense from "../lib/weights_dense.wgsl" with { type: "text" };
import weightsQ4F32 from "../lib/weights_q4_f32.wgsl" with { type: "text" };
import weightsQ4Int8 from "../lib/weights_q4_int8.wgsl" with { type: "text" };
import type { Elem, Kernel } from "../kernel.ts";
import { assembleKernel, type Bindings, memoize, unroll } from "../assemble.ts";

/** How activations lie in a texture: groups of 32 int8 with a scale, or plain f32. */
export type Precision = "int8" | "f32";

/** How weights lie in textures. `q4_int8` meets int8 activations, the others f32. */
export type WeightFormat = "q4_int8" | "q4_f32" | "dense_f16" | "dense_f32";

/** Which layer. */
export interface LinearKernelOptions {
  readonly format: WeightFormat;
  /** `store` into a buffer, `rope` into queries and a KV cache, `residual` and `gated` into activations. */
  readonly end: "store" | "rope" | "residual" | "gated";
  readonly isNormed: boolean;
  /**
   * Of the activations.
   * @default "f32"
   */
  readonly staged?: Precision;
  /**
   * Of the KV cache.
   * @default "f32"
   */
  readonly kvElem?: Elem;
}

/** Tokens of the `…_gemm` entries' workgroups: the last serves all larger batches, the others those that would not fill it. */
export const GEMM_TOKENS = [2, 4, 8] as const;

const FORMAT_PARTS: Record<WeightFormat, readonly string[]> = {
  q4_int8: [scalesF16, weightsQ4Int8],
  q4_f32: [q4, scalesF32, weightsQ4F32],
  dense_f16: [texelF16, weightsDense],
  dense_f32: [texelF32, weightsDense],
};

/** Texture and WGSL of what a kernel leaves for the next one. */
export function stagedParts(precision: Precision): { bindings: Bindings; part: string } {
  return precision === "int8"
    ? { bindings: { staged: ["texture_uint_write"] }, part: stageInt8 }
    : { bindings: { staged: ["texture_float_write"] }, part: stageF32 };
}

/** Bindings of lib/residual.wgsl. */
export function residualBindings(precision: Precision): Bindings {
  return {
    hidden: ["read_write", "array<vec4f>"],
    gamma: ["read", "array<vec4f>"],
    ...stagedParts(precision).bindings,
    squares: ["texture_float_write"],
  };
}

function endOf(
  { end, staged = "f32", kvElem = "f32" }: LinearKernelOptions,
): { bindings: Bindings; parts: string[] } {
  const { bindings, part } = stagedParts(staged);
  switch (end) {
    case "store":
      return {
        bindings: {
          bias: ["read", "array<f32>"],
          logits_rows: ["read", "array<u32>"],
          y: ["read_write", "array<f32>"],
        },
        parts: [endStore],
      };
    case "rope":
      return {
        bindings: {
          bias: ["read", "array<vec4f>"],
          tokens: ["read", "array<Token>"],
          cos_sin: ["read", "array<vec4f>"],
          q: ["texture_float_write"],
          k_cache: ["texture_uint_write"],
          v_cache: ["texture_uint_write"],
        },
        parts: [kvTiles, kvElem === "f16" ? kvBlockF16 : kvBlockF32, endRope],
      };
    case "residual":
      return { bindings: residualBindings(staged), parts: [part, residual, endResidual] };
    case "gated":
      return { bindings, parts: [gate, part, endGated] };
  }
}

/** The layer's kernel. */
export const linearKernel: (options: LinearKernelOptions) => Kernel = memoize((options) => {
  const { format, end, isNormed, staged, kvElem } = options;
  const isInt8 = format === "q4_int8";
  const name = ["linear", format, isNormed && "normed", end, staged ?? kvElem]
    .filter(Boolean)
    .join("_");
  const own = endOf(options);
  const isPaired = end === "gated" || end === "rope";
  const numBlocks = isPaired ? 2 : 1;
  const entries: Entry[] = [
    { suffix: "gemv", numTokens: 1, numBlocks },
    ...GEMM_TOKENS.map((numTokens) => ({ suffix: `gemm${numTokens}`, numTokens, numBlocks })),
  ];
  if (!isPaired) entries.push({ suffix: "wide", numTokens: 1, numBlocks: 2 });
  return assembleKernel(name, {
    entries: entries.map(({ suffix }) => `${name}_${suffix}`),
    bindings: {
      step: ["uniform", "Step"],
      x: [isInt8 ? "texture_uint" : "texture_float"],
      ...(isNormed ? { x_squares: ["texture_float"] } : {}),
      w: ["texture_uint"],
      ...(format.startsWith("q4") ? { scales: ["texture_uint"] } : {}),
      ...own.bindings,
    },
    parts: [
      SIZES,
      step,
      rowTiles,
      ...FORMAT_PARTS[format],
      ...own.parts,
      isNormed ? normFactor : NO_NORM,
      ...entries.map((entry) => entryPoint(`${name}_${entry.suffix}`, entry)),
    ],
  });
});

const SIZES = `
override K: u32;
override STEPS: u32;       // along K
`;

const NO_NORM = `
fn norm_factor(row: u32) -> f32 {
  return 1.0;
}
`;

interface Entry {
  readonly suffix: string;
  readonly numTokens: number;
  /** Blocks of eight rows a lane. */
  readonly numBlocks: number;
}

const ROWS = ["low.x", "low.y", "low.z", "low.w", "high.x", "high.y", "high.z", "high.w"];

/** Sums of block b's rows for token t are `sum_<b>_<t>_low` and `…_high`. */
function entryPoint(name: string, { suffix, numTokens, numBlocks }: Entry): string {
  const tokens = (line: (t: number) => string) => unroll(numTokens, line);
  const blocks = (line: (b: number) => string) => unroll(numBlocks, line);
  return `
@compute @workgroup_size(8)
fn ${name}(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let t = group.x * ${numTokens}u;
  let first = group.y * ${suffix === "wide" ? 2 * 8 : 8}u + lane;
  let blocks = lane_blocks(first);
  ${tokens((t) => `let row_${t} = x_row(t + ${t}u);`)}
  ${
    blocks((b) =>
      tokens((t) => `
  var sum_${b}_${t}_low = vec4f(0.0);
  var sum_${b}_${t}_high = vec4f(0.0);`)
    )
  }
  for (var line = 0u; line < LINES; line++) {
    let begin = line * STEPS_PER_LINE;
    let end = min(STEPS, begin + STEPS_PER_LINE);
    ${
    blocks((b) => `
    var at_${b} = vec2u(blocks[${b}] % LANES, line_of(blocks[${b}], begin));
    let scale_lane_${b} = at_${b}.x;`)
  }
    for (var i = begin; i < end; i++) {
      ${tokens((t) => `let v_${t} = load_columns(i, row_${t});`)}
      ${blocks((b) => blockStep(b, numTokens))}
    }
  }
  ${numTokens === 1 ? finishOne(numBlocks) : finishMany(numTokens, numBlocks)}
}
`;
}

/** Eight rows of block b times the columns of all tokens. */
function blockStep(b: number, numTokens: number): string {
  const load = (r: number) =>
    r < ROWS.length ? `let w_${b}_${r} = textureLoad(w, at_${b} + vec2u(${r}u * LANES, 0u));` : "";
  return `
      let s_${b} = load_scales(i - begin, scale_lane_${b}, at_${b}.y);
      ${load(0)}
      ${
    unroll(ROWS.length, (r) => `
      ${load(r + 1)}
      let row_${b}_${r} = unpack_row(w_${b}_${r});
      ${
      unroll(
        numTokens,
        (t) => `sum_${b}_${t}_${ROWS[r]} += dot_row(row_${b}_${r}, v_${t}, s_${b}.${ROWS[r]});`,
      )
    }`)
  }
      at_${b}.x += TEXELS_PER_STEP;`;
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
    `let sums_${b}_${half} = array(${
      Array.from({ length: numTokens }, (_, t) => `sum_${b}_${t}_${half}`).join(", ")
    });`;
  const sums = (b: number) => `sums_${b}_low[i] * factor, sums_${b}_high[i] * factor`;
  return `
  var rows = array(${Array.from({ length: numTokens }, (_, t) => `row_${t}`).join(", ")});
  ${
    unroll(numBlocks, (b) => arrays(b, "low") + "\n" + arrays(b, "high")).replaceAll("let ", "var ")
  }
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
