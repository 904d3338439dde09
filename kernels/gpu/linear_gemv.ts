/**
 * The gemv form of kernels/gpu/linear.ts. Rows, tokens and the columns of a group are unrolled: everything of an invocation is in
 * variables, none in arrays.
 *
 * @module
 */
import { unroll } from "../assemble.ts";
import { callFinish, type EndForm } from "./linear_end.ts";

/** What shapes the entry point; `rows` is a multiple of the ends that are taken at once. */
export interface GemvOptions extends EndForm {
  readonly columns: number;
  readonly rows: number;
  readonly hasSubgroups: boolean;
  readonly format: "dense" | "q4";
  /** Whether x is the residual stream, to be normed here. */
  readonly isNormed: boolean;
}

const COMPONENTS = ["x", "y", "z", "w"];
const NUM_OCTETS = 4;

/** From this many tokens on, octets are a loop. */
const MIN_LOOP_COLUMNS = 8;

/** The WGSL behind libs and shared code. */
export function gemvEntry(name: string, options: GemvOptions): string {
  const { hasSubgroups } = options;
  return `
override ROW_THREADS: u32 = 2u;

alias Rows = ${rowsType(options.rows)};

${foldFunction(options.rows)}
${hasSubgroups ? subgroupSum(options) : memorySum(options)}

@compute @workgroup_size(K_THREADS * ROW_THREADS)
fn ${name}(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) num_groups_3d: vec3u,
  @builtin(local_invocation_index) local: u32,
  ${hasSubgroups ? "@builtin(subgroup_invocation_id) subgroup_lane: u32," : ""}
) {
  let lane = local % K_THREADS;
  let block = (group.y * num_groups_3d.x + group.x) * ROW_THREADS + local / K_THREADS;
  ${sums(options)}
  ${hasSubgroups ? finishSubgroup(options) : finishMemory(options)}
}
`;
}

function rowsType(rows: number): string {
  return rows === 1 ? "f32" : `vec${rows}f`;
}

/** Adds four columns of a block's rows times those of one token. */
function foldFunction(rows: number): string {
  const parameters = Array.from({ length: rows }, (_, r) => `w_${r}: vec4f`).join(", ");
  const column = (c: string) => Array.from({ length: rows }, (_, r) => `w_${r}.${c}`).join(", ");
  return `
fn fold(${parameters}, x: vec4f, before: Rows) -> Rows {
  var sum = before;
  ${unroll(4, (c) => `sum = fma(Rows(${column(COMPONENTS[c]!)}), Rows(x.${COMPONENTS[c]}), sum);`)}
  return sum;
}`;
}

/** Leaves a lane's sums in `acc_<block>_<token>`, and of squares in `squares_<token>`. */
function sums(options: GemvOptions): string {
  const { columns, rows, numBlocks, format, isNormed } = options;
  const tokens = (line: (m: number) => string) => unroll(columns, line);
  const blocks = (line: (b: number) => string) => unroll(numBlocks, line);
  const blockRows = (line: (b: number, r: number) => string) =>
    blocks((b) => unroll(rows, (r) => line(b, r)));
  return `
  ${
    blocks((b) =>
      `let first_row_${b} = min(row_of(block * ${rows}u, ${b}u), params.num_rows - 1u);`
    )
  }
  ${blockRows((b, r) => `let row_${b}_${r} = min(first_row_${b} + ${r}u, params.num_rows - 1u);`)}
  ${tokens((m) => `let x_${m} = x_row(${m}u);`)}
  ${blocks((b) => tokens((m) => `var acc_${b}_${m} = Rows();`))}
  ${isNormed ? tokens((m) => `var squares_${m} = 0.0;`) : ""}
  var k4 = GROUP_FOURS * first_group(lane);
  for (var p = lane; p < num_groups(); p += K_THREADS) {
    ${
    format === "q4"
      ? blockRows((b, r) => `let group_${b}_${r} = load_group(row_${b}_${r}, p);`)
      : ""
  }
    ${blocks((b) => tokens((m) => `var sum_${b}_${m} = Rows();`))}
    ${octets(options)}
    ${blocks((b) => scaleSums(b, options))}
    k4 += GROUP_FOURS;
  }`;
}

/** Unrolled for few tokens; for many, the loop costs nothing beside them, and the code stays short. */
function octets(options: GemvOptions): string {
  if (options.columns < MIN_LOOP_COLUMNS) {
    return unroll(NUM_OCTETS, (o) => octet(`${o}u`, options));
  }
  return `
    for (var o = 0u; o < ${NUM_OCTETS}u; o++) {
      ${octet("o", options)}
    }`;
}

/** Eight columns of every row and token. */
function octet(o: string, { columns, rows, numBlocks, format, isNormed }: GemvOptions): string {
  const load = (b: number, r: number) =>
    format === "q4" ? `group_${b}_${r}[${o}]` : `load_octet(row_${b}_${r}, p, ${o})`;
  const half = (h: number) => `
      ${
    unroll(numBlocks, (b) =>
      unroll(rows, (r) =>
        `let w_${b}_${r}_${h} = ${h === 0 ? "octet_low" : "octet_high"}(octet_${b}_${r});`))
  }
      ${
    unroll(columns, (m) => `
      let v_${m}_${h} = x_at(x_${m}, at + ${h}u);
      ${isNormed ? `squares_${m} = add_squares(v_${m}_${h}, squares_${m});` : ""}
      let c_${m}_${h} = v_${m}_${h}${isNormed ? ` * gamma_at(at + ${h}u)` : ""} * COLUMN_STEPS;
      ${
      unroll(numBlocks, (b) =>
        `sum_${b}_${m} = fold(${
          Array.from({ length: rows }, (_, r) => `w_${b}_${r}_${h}`).join(", ")
        }, c_${m}_${h}, sum_${b}_${m});`)
    }`)
  }`;
  return `
    {
      let at = k4 + 2u * ${o};
      ${unroll(numBlocks, (b) => unroll(rows, (r) => `let octet_${b}_${r} = ${load(b, r)};`))}
      ${half(0)}
      ${half(1)}
    }`;
}

/** Ends a group: its sums, times the scales of their rows, go to the lane's. */
function scaleSums(b: number, { columns, rows }: GemvOptions): string {
  const own = rows === 4
    ? "quad"
    : `Rows(${
      Array.from({ length: rows }, (_, r) => `quad[first_row_${b} % 4u + ${r}u]`).join(", ")
    })`;
  return `
    {
      let quad = scales_of(first_row_${b} / 4u * 4u, p);
      let scale = ${own};
      ${unroll(columns, (m) => `acc_${b}_${m} = fma(scale, sum_${b}_${m}, acc_${b}_${m});`)}
    }`;
}

/** Sums of one lane: a block's rows of every token, then the squares of every token. */
function numSums({ columns, rows, numBlocks, isNormed }: GemvOptions): number {
  return columns * (rows * numBlocks + (isNormed ? 1 : 0));
}

function memorySum(options: GemvOptions): string {
  return `
const NUM_SUMS = ${numSums(options)}u;
var<workgroup> lane_sums: array<f32, K_THREADS * ROW_THREADS * NUM_SUMS>;

// Sum i of every lane of a row, in order.
fn add_lanes(first: u32, i: u32) -> f32 {
  var sum = 0.0;
  for (var lane = 0u; lane < min(K_THREADS, num_groups()); lane++) {
    sum += lane_sums[(first + lane) * NUM_SUMS + i];
  }
  return sum;
}`;
}

/** Through workgroup memory: a lane adds up one output. */
function finishMemory(options: GemvOptions): string {
  const { columns, rows, numBlocks, numEnds, isNormed } = options;
  const component = (value: string, r: number) => rows === 1 ? value : `${value}.${COMPONENTS[r]}`;
  const index = (b: number, m: string, r: string) =>
    `(${b}u * ${columns}u + ${m}) * ${rows}u + ${r}`;
  const numOwn = numBlocks * columns * rows;
  return `
  let own = local * NUM_SUMS;
  ${
    unroll(numBlocks, (b) =>
      unroll(columns, (m) =>
        unroll(rows, (r) =>
          `lane_sums[own + ${(b * columns + m) * rows + r}u] = ${component(`acc_${b}_${m}`, r)};`)))
  }
  ${isNormed ? unroll(columns, (m) => `lane_sums[own + ${numOwn + m}u] = squares_${m};`) : ""}
  workgroupBarrier();
  let first = local - lane;
  for (var i = lane; i < ${columns * rows / numEnds}u; i += K_THREADS) {
    let m = i / ${rows / numEnds}u;
    let r = i % ${rows / numEnds}u * ${numEnds}u;
    let end = block * ${rows}u + r;
    if (m <= last_token() && end < params.num_ends) {
      let factor = ${
    isNormed ? `norm_factor(add_lanes(first, ${numOwn}u + m), EPS)` : "factor_of(m)"
  };
      ${
    callFinish(options, {
      token: "m",
      end: "end",
      factor: "factor",
      sum: (b, i) => `add_lanes(first, ${index(b, "m", `r + ${i}u`)})`,
    })
  }
    }
  }`;
}

function subgroupSum(_: GemvOptions): string {
  const addLanes = (name: string, type: string) => `
fn ${name}(first: u32, own: ${type}) -> ${type} {
  var sum = ${type}();
  for (var lane = 0u; lane < min(K_THREADS, num_groups()); lane++) {
    sum += subgroupShuffle(own, first + lane);
  }
  return sum;
}`;
  return addLanes("add_lanes", "Rows") + addLanes("add_lane_squares", "f32");
}

/** By shuffles: every lane has every sum, lane m ends token m. */
function finishSubgroup(options: GemvOptions): string {
  const { columns, rows, numBlocks, numEnds, isNormed } = options;
  return `
  let first = subgroup_lane - lane;
  ${
    unroll(columns, (m) => `
  ${unroll(numBlocks, (b) => `let total_${b}_${m} = add_lanes(first, acc_${b}_${m});`)}
  let factor_${m} = ${
      isNormed ? `norm_factor(add_lane_squares(first, squares_${m}), EPS)` : `factor_of(${m}u)`
    };
  if (lane == ${m}u % K_THREADS && ${m}u <= last_token()) {
    for (var r = 0u; r < ${rows}u; r += ${numEnds}u) {
      let end = block * ${rows}u + r;
      if (end < params.num_ends) {
        ${
      callFinish(options, {
        token: `${m}u`,
        end: "end",
        factor: `factor_${m}`,
        sum: (b, i) => rows === 1 ? `total_${b}_${m}` : `total_${b}_${m}[r + ${i}u]`,
      })
    }
      }
    }
  }`)
  }`;
}
