/**
 * linear: a fully connected layer on tiles of weights, with what follows it in the same dispatch.
 *
 *     v[t, n] = (1 / rms of x[t] where it is normed) · Σ_k x[t, k] · w[n, k], and then the end
 *
 * Bindings (group 0)
 *   step, x, x_squares (normed only), w, scales (q4 only), row_scales (rows only), and those of the end
 *   x          texture     [T, K], as lib/stage_int8.wgsl or lib/stage_f32.wgsl leaves it
 *   x_squares  texture     texel (tile, t): Σ of 64 columns' squares; see lib/residual.wgsl
 *   w          texture     see lib/row_tiles.wgsl; codes past K are 7, other weights past K zero
 *   scales     texture     a lane's eight scales a group: one texel of f16 (int8 layers) or two of f32, on the lines of w
 *   row_scales texture     the same scales, eight groups of one row a texel: see lib/scales_rows_f16.wgsl
 * Entries    …_gemv            one token:       dispatch (1, tiles), or by rows (1, any number up to tiles)
 *            …_gemm2, 4 and 8  so many tokens:  dispatch (ceil(T / tokens), as …_gemv)
 *            A lane has a block of eight rows; or two where the end joins them (`gated`, `rope`); or, in a wide kernel, two, and half as
 *            many workgroups. Where row_scales is there, …_gemv goes by rows, and …_gemm2 if they are short; see linear_rows.ts.
 *            All sum in the same order, so a row does not depend on how many tokens the step has.
 * Needs      subgroups; see lib/eight_lanes.wgsl
 *
 * @module
 */
import blocksAsEnded from "../lib/blocks_as_ended.wgsl" with { type: "text" };
import blocksAsStored from "../lib/blocks_as_stored.wgsl" with { type: "text" };
import bytes from "../lib/bytes.wgsl" with { type: "text" };
import eightLanes from "../lib/eight_lanes.wgsl" with { type: "text" };
import endGated from "../lib/end_gated.wgsl" with { type: "text" };
import endResidual from "../lib/end_residual.wgsl" with { type: "text" };
import endRope from "../lib/end_rope.wgsl" with { type: "text" };
import endStore from "../lib/end_store.wgsl" with { type: "text" };
import everyToken from "../lib/every_token.wgsl" with { type: "text" };
import gate from "../lib/gate.wgsl" with { type: "text" };
import kvBlockF16 from "../lib/kv_block_f16.wgsl" with { type: "text" };
import kvBlockF32 from "../lib/kv_block_f32.wgsl" with { type: "text" };
import kvTiles from "../lib/kv_tiles.wgsl" with { type: "text" };
import noNormPairs from "../lib/no_norm_pairs.wgsl" with { type: "text" };
import normPairs from "../lib/norm_pairs.wgsl" with { type: "text" };
import q4 from "../lib/q4.wgsl" with { type: "text" };
import residual from "../lib/residual.wgsl" with { type: "text" };
import rowTiles from "../lib/row_tiles.wgsl" with { type: "text" };
import scalesF16 from "../lib/scales_f16.wgsl" with { type: "text" };
import scalesRowsF16 from "../lib/scales_rows_f16.wgsl" with { type: "text" };
import scalesF32 from "../lib/scales_f32.wgsl" with { type: "text" };
import stageF32 from "../lib/stage_f32.wgsl" with { type: "text" };
import stageInt8 from "../lib/stage_int8.wgsl" with { type: "text" };
import step from "../lib/step.wgsl" with { type: "text" };
import texelF16 from "../lib/texel_f16.wgsl" with { type: "text" };
import texelF32 from "../lib/texel_f32.wgsl" with { type: "text" };
import weightsDense from "../lib/weights_dense.wgsl" with { type: "text" };
import weightsQ4F32 from "../lib/weights_q4_f32.wgsl" with { type: "text" };
import weightsQ4Int8 from "../lib/weights_q4_int8.wgsl" with { type: "text" };
import type { Elem } from "../kernel.ts";
import {
  type AssembledKernel,
  assembleKernel,
  type Bindings,
  memoize,
  unroll,
} from "../assemble.ts";
import { canTakeRows, rowEntryPoint } from "./linear_rows.ts";
import { GEMM_TOKENS, tileEntryPoint } from "./linear_tiles.ts";

/** How activations lie in a texture: groups of 32 int8 with a scale, or plain f32. */
export type Precision = "int8" | "f32";

/** How weights lie in textures. `q4_int8` and `q4_int8_rows`, row by row, meet int8 activations, the others f32. */
export type WeightFormat = "q4_int8" | "q4_int8_rows" | "q4_f32" | "dense_f16" | "dense_f32";

/** Which layer. */
export interface LinearKernelOptions {
  readonly format: WeightFormat;
  /** Of a row; for `q4_int8_rows` only, which unrolls them. */
  readonly numGroups?: number;
  /** `store` into a buffer, `rope` into queries and a KV cache, `residual` and `gated` into activations. */
  readonly end: "store" | "rope" | "residual" | "gated";
  /** Texels of a line of x_squares, where x waits for a norm to be finished. */
  readonly numNormTiles?: number;
  /**
   * Whether a workgroup takes two tiles, where the end does not join two blocks anyway.
   * @default false
   */
  readonly isWide?: boolean;
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
  /**
   * Whether query and key heads have norms; for `rope` only, and heads that {@linkcode canNormHeads}.
   * @default false
   */
  readonly hasHeadNorms?: boolean;
}

const FORMAT_PARTS: Record<WeightFormat, readonly string[]> = {
  q4_int8: [scalesF16, weightsQ4Int8],
  q4_int8_rows: [scalesF16, scalesRowsF16, weightsQ4Int8],
  q4_f32: [q4, scalesF32, weightsQ4F32],
  dense_f16: [texelF16, weightsDense],
  dense_f32: [texelF32, weightsDense],
};

/** Of `Columns` in a format's part. */
const COLUMN_FIELDS: Record<WeightFormat, readonly string[]> = {
  q4_int8: ["x0", "x1", "x2", "x3", "start", "scale"],
  q4_int8_rows: ["x0", "x1", "x2", "x3", "start", "scale"],
  q4_f32: ["x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7"],
  dense_f16: ["low", "high"],
  dense_f32: ["low", "high"],
};

/** Texture and WGSL of what a kernel leaves for the next one. */
export function stagedParts(precision: Precision): { bindings: Bindings; parts: string[] } {
  return precision === "int8"
    ? { bindings: { staged: ["texture_uint_write"] }, parts: [eightLanes, bytes + stageInt8] }
    : { bindings: { staged: ["texture_float_write"] }, parts: [eightLanes, stageF32] };
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
  { end, staged = "f32", kvElem = "f32", hasHeadNorms = false }: Pick<
    LinearKernelOptions,
    "end" | "staged" | "kvElem" | "hasHeadNorms"
  >,
): { bindings: Bindings; parts: string[] } {
  const { bindings, parts } = stagedParts(staged);
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
          k_cache: ["texture_uint_write_array"],
          v_cache: ["texture_uint_write_array"],
          ...(hasHeadNorms && {
            query_gamma: ["read", "array<vec4f>"],
            key_gamma: ["read", "array<vec4f>"],
          }),
        },
        parts: [
          eightLanes,
          everyToken,
          kvTiles,
          kvElem === "f16" ? kvBlockF16 : kvBlockF32,
          endRope,
          hasHeadNorms ? normPairs : noNormPairs,
        ],
      };
    case "residual":
      return {
        bindings: residualBindings(staged),
        parts: [...parts, everyToken, residual, endResidual],
      };
    case "gated":
      return { bindings, parts: [gate, ...parts, everyToken, endGated] };
  }
}

/** Whether an end joins two blocks of a lane. */
export function isPairedEnd(end: LinearKernelOptions["end"]): boolean {
  return end === "gated" || end === "rope";
}

/** Whether the lanes of a workgroup hold whole heads of so many columns, so that `rope` can norm them. */
export function canNormHeads(headDim: number): boolean {
  return [16, 32, 64, 128].includes(headDim);
}

/** What the entry point for so many tokens adds to the kernel's name. */
export function linearSuffix(numTokens: number): string {
  return numTokens === 1 ? "gemv" : `gemm${numTokens}`;
}

/** The layer's kernel. */
export const linearKernel: (options: LinearKernelOptions) => AssembledKernel = memoize(
  (options) => {
    const { format, end, numNormTiles, isWide = false, staged, kvElem, numGroups } = options;
    const { hasHeadNorms = false } = options;
    const isPaired = isPairedEnd(end);
    const blocks = isPaired ? "pair" : isWide ? "wide" : "one";
    const name = [
      "linear",
      format,
      numGroups,
      numNormTiles && `normed_${numNormTiles}`,
      end,
      isWide && "wide",
      staged ?? kvElem,
      hasHeadNorms && "heads",
    ]
      .filter(Boolean)
      .join("_");
    const own = endOf(options);
    const isByRows = numGroups !== undefined;
    const entries = Object.fromEntries([1, ...GEMM_TOKENS].map((numTokens) => {
      const entry = `${name}_${linearSuffix(numTokens)}`;
      return [
        entry,
        isByRows && canTakeRows(numTokens, numGroups)
          ? rowEntryPoint(entry, { numTokens, numGroups, isPaired })
          : tileEntryPoint(entry, numTokens, {
            ...{ blocks, isByRows, columnFields: COLUMN_FIELDS[format] },
            isInteger: format.startsWith("q4_int8"),
          }),
      ];
    }));
    return assembleKernel(name, {
      entries,
      bindings: {
        step: ["uniform", "Step"],
        x: [format.startsWith("q4_int8") ? "texture_uint" : "texture_float"],
        ...(numNormTiles ? { x_squares: ["texture_float"] } : {}),
        w: ["texture_uint"],
        ...(format.startsWith("q4") ? { scales: ["texture_uint"] } : {}),
        ...(format === "q4_int8_rows" ? { row_scales: ["texture_uint"] } : {}),
        ...own.bindings,
      },
      parts: [
        SIZES,
        step,
        rowTiles,
        ...FORMAT_PARTS[format],
        ...own.parts,
        ...(isByRows ? [end === "rope" ? blocksAsStored : blocksAsEnded] : []),
        numNormTiles ? normFactor(numNormTiles) : NO_NORM,
      ],
    });
  },
);

const SIZES = `
override K: u32;
override STEPS: u32;       // along K
override NUM_TILES: u32;

// STEPS; where they take several lines the compiler is not told. Mesa from 24 on takes turn after turn out of two such loops whose end it
// knows, and goes through all of its passes for each: minutes for 300 turns. One loop it leaves alone, and makes better code of it.
fn num_steps() -> u32 {
  if (STEPS <= STEPS_PER_LINE) {
    return STEPS;
  }
  return subgroupBroadcast(STEPS + (step.num_tokens >> 31u), 0u);
}
`;

/**
 * The factor that lib/residual.wgsl leaves to the layer which reads its activations: 1 / rms of a token's row. Written out, since
 * the driver would unroll a loop a turn at a time, and go through the whole kernel for each.
 */
function normFactor(numTiles: number): string {
  return `
fn norm_factor(row: u32) -> f32 {
  var sum = 0.0;
  ${unroll(numTiles, (tile) => `sum += textureLoad(x_squares, vec2u(${tile}u, row)).x;`)}
  return inverseSqrt(sum / f32(K));
}
`;
}

const NO_NORM = `
fn norm_factor(row: u32) -> f32 {
  return 1.0;
}
`;
