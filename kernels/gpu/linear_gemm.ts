/**
 * The gemm form of kernels/gpu/linear.ts.
 *
 * @module
 */
import { unroll } from "../assemble.ts";
import { callFinish, type EndForm } from "./linear_end.ts";

/** What shapes the entry point. */
export interface GemmOptions extends EndForm {
  /** Tokens of an invocation, 4 or 8. */
  readonly columns: number;
  /** Quads of rows a workgroup. */
  readonly rowLanes: number;
  /** Keeps weights in workgroup memory as f16, which must hold them exactly. */
  readonly hasHalfTiles: boolean;
}

const COMPONENTS = ["x", "y", "z", "w"];

/** Token lanes of a workgroup. */
export const GEMM_TOKEN_LANES = 8;

/** The WGSL behind libs and shared code. */
export function gemmEntry(name: string, options: GemmOptions): string {
  const { columns, numBlocks } = options;
  const blocks = (line: (b: number) => string) => unroll(numBlocks, line);
  const sums = (line: (b: number, t: number) => string) =>
    blocks((b) => unroll(columns, (t) => line(b, t)));
  return `
const ROW_LANES = ${options.rowLanes}u; // no override: naga 29 panics when sizes of two arrays turn out equal

const NUM_BLOCKS = ${numBlocks}u;
const TILE_TOKENS = ${GEMM_TOKEN_LANES * columns}u;
const TOKEN_QUADS = TILE_TOKENS / 4u;

var<workgroup> w_tile: array<${
    options.hasHalfTiles ? "vec2u" : "vec4f"
  }, NUM_BLOCKS * GROUP_COLUMNS * ROW_LANES>; // [block, column, quad of rows]
var<workgroup> x_tile: array<vec4f, GROUP_COLUMNS * TOKEN_QUADS>; // [column, quad of tokens]

${options.hasHalfTiles ? stageHalves() : stageQuads()}
${stageTokens()}

@compute @workgroup_size(${GEMM_TOKEN_LANES}u * ROW_LANES)
fn ${name}(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let row_lane = local % ROW_LANES;
  let token_lane = local / ROW_LANES;
  let first_row = group.x * 4u * ROW_LANES;
  let first_token = group.y * TILE_TOKENS;
  let row = first_row + 4u * row_lane;
  let token = first_token + token_lane * ${columns}u;
  ${sums((b, t) => `var total_${b}_${t} = vec4f();`)}
  var g = 0u;
  for (var lane = 0u; lane < min(K_THREADS, num_groups()); lane++) {
    ${sums((b, t) => `var acc_${b}_${t} = vec4f();`)}
    let num_own = num_groups_of(lane);
    for (var i = 0u; i < num_own; i++) {
      let p = i * K_THREADS + lane;
      stage_weights(first_row, p, local);
      stage_tokens(first_token, g, local);
      workgroupBarrier();
      ${sums((b, t) => `var sum_${b}_${t} = vec4f();`)}
      for (var k = 0u; k < GROUP_COLUMNS; k += 4u) {
        ${unroll(4, (j) => column(j, options))}
      }
      ${blocks((b) => scaleSums(b, columns))}
      workgroupBarrier();
      g++;
    }
    ${sums((b, t) => `total_${b}_${t} += acc_${b}_${t};`)}
  }
  ${unroll(columns, (t) => finishToken(t, options))}
}
`;
}

/** Unpacking a group of every row of the tile: [column, quad], so that a load gives four neighbours. */
function stageQuads(): string {
  return `
fn stage_weights(first_row: u32, p: u32, local: u32) {
  let num_rows = NUM_BLOCKS * 4u * ROW_LANES;
  for (var i = local; i < 4u * num_rows; i += ${GEMM_TOKEN_LANES}u * ROW_LANES) {
    let o = i / num_rows;
    let r = i % (4u * ROW_LANES);
    let b = i % num_rows / (4u * ROW_LANES);
    let octet = load_octet(min(row_of(first_row + r, b), params.num_rows - 1u), p, o);
    let low = octet_low(octet) * COLUMN_STEPS;
    let high = octet_high(octet) * COLUMN_STEPS;
    let at = (b * GROUP_COLUMNS + 8u * o) * ROW_LANES + r / 4u;
    let c = r % 4u;
    ${unroll(4, (j) => `w_tile[at + ${j}u * ROW_LANES][c] = low.${COMPONENTS[j]};`)}
    ${unroll(4, (j) => `w_tile[at + ${4 + j}u * ROW_LANES][c] = high.${COMPONENTS[j]};`)}
  }
}`;
}

/** The same in f16, two neighbouring rows a word: an invocation unpacks both. */
function stageHalves(): string {
  const word = (half: string, j: number) =>
    `pack2x16float(vec2f(first_${half}.${COMPONENTS[j]}, second_${half}.${COMPONENTS[j]}))`;
  return `
fn stage_weights(first_row: u32, p: u32, local: u32) {
  let num_pairs = NUM_BLOCKS * 2u * ROW_LANES;
  let last_row = params.num_rows - 1u;
  for (var i = local; i < 4u * num_pairs; i += ${GEMM_TOKEN_LANES}u * ROW_LANES) {
    let o = i / num_pairs;
    let pair = i % (2u * ROW_LANES);
    let b = i % num_pairs / (2u * ROW_LANES);
    let first = load_octet(min(row_of(first_row + 2u * pair, b), last_row), p, o);
    let second = load_octet(min(row_of(first_row + 2u * pair + 1u, b), last_row), p, o);
    let first_low = octet_low(first) * COLUMN_STEPS;
    let first_high = octet_high(first) * COLUMN_STEPS;
    let second_low = octet_low(second) * COLUMN_STEPS;
    let second_high = octet_high(second) * COLUMN_STEPS;
    let at = (b * GROUP_COLUMNS + 8u * o) * ROW_LANES + pair / 2u;
    let c = pair % 2u;
    ${unroll(4, (j) => `w_tile[at + ${j}u * ROW_LANES][c] = ${word("low", j)};`)}
    ${unroll(4, (j) => `w_tile[at + ${4 + j}u * ROW_LANES][c] = ${word("high", j)};`)}
  }
}`;
}

/** Every token's x of a group: [column, quad]. */
function stageTokens(): string {
  return `
fn stage_tokens(first_token: u32, g: u32, local: u32) {
  for (var i = local; i < TILE_TOKENS * GROUP_FOURS; i += ${GEMM_TOKEN_LANES}u * ROW_LANES) {
    let t = i / GROUP_FOURS;
    let v = i % GROUP_FOURS;
    let value = x_at(x_row(first_token + t), GROUP_FOURS * g + v);
    let at = 4u * v * TOKEN_QUADS + t / 4u;
    let c = t % 4u;
    ${unroll(4, (j) => `x_tile[at + ${j}u * TOKEN_QUADS][c] = value.${COMPONENTS[j]};`)}
  }
}`;
}

/** One column of the invocation's rows and tokens. */
function column(j: number, { columns, numBlocks, hasHalfTiles }: GemmOptions): string {
  const unpack = (quad: string) =>
    hasHalfTiles ? `vec4f(unpack2x16float(${quad}.x), unpack2x16float(${quad}.y))` : quad;
  return `
        {
          let at = k + ${j}u;
          ${
    unroll(columns / 4, (q) =>
      `let x_${q} = x_tile[at * TOKEN_QUADS + token_lane * ${columns / 4}u + ${q}u];`)
  }
          ${
    unroll(numBlocks, (b) => `
          let quad_${b} = w_tile[(${b}u * GROUP_COLUMNS + at) * ROW_LANES + row_lane];
          let w_${b} = ${unpack(`quad_${b}`)};
          ${
      unroll(
        columns,
        (t) =>
          `sum_${b}_${t} = fma(w_${b}, vec4f(x_${t >> 2}.${COMPONENTS[t % 4]}), sum_${b}_${t});`,
      )
    }`)
  }
        }`;
}

function scaleSums(b: number, columns: number): string {
  return `
      let scale_${b} = scales_of(min(row_of(row, ${b}u), params.num_rows - 1u) / 4u * 4u, p);
      ${unroll(columns, (t) => `acc_${b}_${t} = fma(scale_${b}, sum_${b}_${t}, acc_${b}_${t});`)}`;
}

function finishToken(t: number, end: EndForm): string {
  const call = callFinish(end, {
    token: `token + ${t}u`,
    end: "row + r",
    factor: "factor",
    sum: (b, i) => `total_${b}_${t}[r + ${i}u]`,
  });
  return `
  if (token + ${t}u <= last_token()) {
    let factor = factor_of(token + ${t}u);
    for (var r = 0u; r < 4u; r += ${end.numEnds}u) {
      if (row + r < params.num_ends) {
        ${call}
      }
    }
  }`;
}
