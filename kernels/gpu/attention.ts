/**
 * attention: causal attention over the paged KV cache, in three kernels of the same arithmetic
 *
 *     y[t, h] = Σ_p softmax_p(cap(q[t, h] · k[p, kv(h)] · SCALE)) · v[p, kv(h)],  p ≤ tokens[t].position
 *     cap(s) = SOFT_CAP · tanh(s / SOFT_CAP) if SOFT_CAP is above 0; with WINDOW above 0 only the last WINDOW positions
 *
 *   attention_split   one token, SPLIT positions a workgroup: what comes of them goes to `partials` and `stats`
 *   attention_reduce  joins the splits of a token
 *   attention_tile    several tokens a workgroup, one split after the other, joined at once
 * Bindings (group 0)
 *   q             read        [T, H, C]            f32, in fours
 *   tokens        read        [T]                  Token
 *   block_tables  read        [S, max_blocks]      u32, a sequence's blocks in order
 *   k_cache       read        [slots, KH, C]       elem, in fours
 *   v_cache       read        [slots, KH, C]       elem, in fours
 *   step          uniform     Step
 *   partials      read_write  [T, H, splits, C]    f32, in fours: sums of weights · v     split only
 *   stats         read_write  [T, H, splits]       (maximum, sum of weights)              split only
 *   y             read_write  [T, H, C]            f32, in fours                          tile only
 * Dispatch   split (H / heads · NUM_SPLITS, T); tile (H / heads, ceil(T / tokens)): one workgroup `heads` query heads of one KV head
 * Method     tiles of 64 positions with online softmax: an invocation scores a position for every row (token and head), so that a key
 *            is loaded once; then it holds four of the C outputs of every row over a share of the tile's positions. Tiles and splits
 *            begin at multiples of their size, and sums are chains of fma(): the bits depend on the token's position alone.
 *            Positions that a row does not see have weight 0, which changes no bit.
 * Overrides  SPLIT a multiple of 64; C a multiple of 4, at most 256, is part of the kernel
 * Memory     8 · rows · C + 300 · rows + 1,024 bytes of workgroup memory
 * Precision  f32                        Source  arXiv:2205.14135, arXiv:2309.06180, flash decoding (split KV)
 *
 * @module
 */
import elemF16 from "../lib/elem_f16.wgsl" with { type: "text" };
import elemF32 from "../lib/elem_f32.wgsl" with { type: "text" };
import kvPages from "../lib/kv_pages.wgsl" with { type: "text" };
import step from "../lib/step.wgsl" with { type: "text" };
import type { Elem, Kernel } from "../kernel.ts";
import { assembleKernel, memoize, unroll } from "../assemble.ts";
import attentionReduce from "./attention_reduce.wgsl" with { type: "text" };

/** Which cache, and which rows a workgroup takes. */
export interface GpuAttentionOptions {
  readonly elem: Elem;
  /** C. */
  readonly headDim: number;
  /** Query heads of one KV head: a divisor of H / KH. */
  readonly heads: number;
  /** Tokens of a workgroup; absent for the split kernel. */
  readonly tokens?: number;
}

/** Positions of a tile, and invocations of a workgroup. */
export const ATTENTION_POSITIONS = 64;

const ELEMS: Record<Elem, string> = { f32: elemF32, f16: elemF16 };

/** Joins the splits of each token and head: dispatch (H, T). */
export const attentionReduceKernel: Kernel = assembleKernel("attention_reduce", {
  bindings: {
    tokens: ["read", "array<Token>"],
    partials: ["read", "array<vec4f>"],
    stats: ["read", "array<vec2f>"],
    y: ["read_write", "array<vec4f>"],
  },
  parts: [step, attentionReduce],
});

/** The split kernel, or the tile kernel for a number of tokens. */
export const gpuAttentionKernel: (options: GpuAttentionOptions) => Kernel = memoize(
  ({ elem, headDim, heads, tokens }) => {
    const name = tokens === undefined
      ? `attention_split_${elem}_${headDim}_${heads}`
      : `attention_tile_${elem}_${headDim}_${tokens}x${heads}`;
    return assembleKernel(name, {
      bindings: {
        q: ["read", "array<vec4f>"],
        tokens: ["read", "array<Token>"],
        block_tables: ["read", "array<u32>"],
        k_cache: ["read", "array<Elem4>"],
        v_cache: ["read", "array<Elem4>"],
        step: ["uniform", "Step"],
        ...(tokens === undefined
          ? { partials: ["read_write", "array<vec4f>"], stats: ["read_write", "array<vec2f>"] }
          : { y: ["read_write", "array<vec4f>"] }),
      },
      parts: [
        step,
        ELEMS[elem],
        sharedCode({ heads, tokens: tokens ?? 1, headDim }),
        kvPages,
        tokens === undefined ? splitEntry(name, heads) : tileEntry(name, { heads, tokens }),
      ],
    });
  },
);

interface Rows {
  readonly heads: number;
  readonly tokens: number;
}

function sharedCode({ heads, tokens, headDim }: Rows & { headDim: number }): string {
  return `
override NUM_HEADS: u32;
override NUM_KV_HEADS: u32;
override BLOCK_SIZE: u32;
override SPLIT: u32;
override SCALE: f32;
override SOFT_CAP: f32 = 0.0;
override WINDOW: u32 = 0u;

const HEAD_DIM = ${headDim}u; // no override: naga 29 panics when sizes of two arrays turn out equal
const HEADS = ${heads}u;
const TOKENS = ${tokens}u;
const ROWS = ${heads * tokens}u; // row token · HEADS + head
const POSITIONS = ${ATTENTION_POSITIONS}u;
const NUM_PARTS = 8u; // of a tile, when its maximum is searched
const LOWEST = -3.0e38;

var<workgroup> query: array<vec4f, ROWS * HEAD_DIM / 4>;
var<workgroup> scores: array<f32, ROWS * POSITIONS>; // then weights, then sums of lanes
var<workgroup> part_maxima: array<f32, ROWS * NUM_PARTS>;
var<workgroup> maxima: array<f32, ROWS>; // of the split so far
var<workgroup> corrections: array<f32, ROWS>;
var<workgroup> weight_sums: array<f32, ROWS>;
var<workgroup> share_outputs: array<vec4f, POSITIONS>;

fn load_queries(first_token: u32, first_head: u32, local: u32) {
  let c4_count = HEAD_DIM / 4u;
  for (var i = local; i < ROWS * c4_count; i += POSITIONS) {
    let row = i / c4_count;
    let t = min(first_token + row / HEADS, step.num_tokens - 1u);
    query[i] = q[(t * NUM_HEADS + first_head + row % HEADS) * c4_count + i % c4_count] * SCALE;
  }
}

// First position that a token at this position sees.
fn first_seen(position: u32) -> u32 {
  return select(0u, position + 1u - WINDOW, WINDOW > 0u && position + 1u > WINDOW);
}

fn cap(score: f32) -> f32 {
  if (SOFT_CAP > 0.0) {
    return SOFT_CAP * tanh(score / SOFT_CAP);
  }
  return score;
}

fn add_products(a: vec4f, b: vec4f, sum: f32) -> f32 {
  return fma(a.w, b.w, fma(a.z, b.z, fma(a.y, b.y, fma(a.x, b.x, sum))));
}

// Maxima with this tile's scores, and what they make of the sums before.
fn update_maxima(local: u32) {
  let part_size = POSITIONS / NUM_PARTS;
  for (var i = local; i < ROWS * NUM_PARTS; i += POSITIONS) {
    var maximum = LOWEST;
    for (var j = 0u; j < part_size; j++) {
      maximum = max(maximum, scores[i * part_size + j]);
    }
    part_maxima[i] = maximum;
  }
  workgroupBarrier();
  if (local < ROWS) {
    let before = maxima[local];
    var maximum = before;
    for (var j = 0u; j < NUM_PARTS; j++) {
      maximum = max(maximum, part_maxima[local * NUM_PARTS + j]);
    }
    maxima[local] = maximum;
    corrections[local] = exp(before - maximum);
  }
  workgroupBarrier();
}

// Adds up what lanes hold of each row's weights, from scores.
fn add_weights(local: u32) {
  workgroupBarrier();
  if (local < ROWS) {
    var sum = 0.0;
    for (var i = 0u; i < POSITIONS; i++) {
      sum += scores[local * POSITIONS + i];
    }
    weight_sums[local] = sum;
  }
  workgroupBarrier();
}

// Four outputs of a row, from what each share holds of them.
fn add_shares(c: u32) -> vec4f {
  let c4_count = HEAD_DIM / 4u;
  var sum = vec4f();
  for (var i = 0u; i < POSITIONS / c4_count; i++) {
    sum += share_outputs[i * c4_count + c];
  }
  return sum;
}
`.replaceAll("\`", "`");
}

/** Begins a split: nothing has been seen. */
function resetSums(numRows: number): string {
  return `
    if (local < ROWS) {
      maxima[local] = LOWEST;
    }
    workgroupBarrier();
    ${unroll(numRows, (r) => `weight_${r} = 0.0;\noutput_${r} = vec4f();`)}`;
}

/** One tile of positions from `tile_begin`, up to `last`; `is_seen_<token>` says which rows see this lane's. */
function tileStep({ heads, tokens }: Rows): string {
  const rows = (line: (r: number) => string) => unroll(heads * tokens, line);
  const tokenOf = (r: number) => Math.floor(r / heads);
  return `
      let p = tile_begin + local;
      ${rows((r) => `var score_${r} = 0.0;`)}
      if (p <= last) {
        let k = kv_index(sequence, p, kv_head);
        for (var i = 0u; i < c4_count; i++) {
          let key = unpack_elem4(k_cache[k + i]);
          ${rows((r) => `score_${r} = add_products(query[${r}u * c4_count + i], key, score_${r});`)}
        }
      }
      ${
    unroll(tokens, (m) =>
      `let is_seen_${m} = p >= first_${m} && p < end_${m}; // end_<token> is 0 for tokens of others`)
  }
      ${
    rows((r) => `
      score_${r} = cap(score_${r});
      scores[${r}u * POSITIONS + local] = select(LOWEST, score_${r}, is_seen_${tokenOf(r)});`)
  }
      workgroupBarrier();
      update_maxima(local);
      ${
    rows((r) => `
      let own_${r} = select(0.0, exp(score_${r} - maxima[${r}]), is_seen_${tokenOf(r)});
      scores[${r}u * POSITIONS + local] = own_${r};
      weight_${r} = fma(weight_${r}, corrections[${r}], own_${r});
      output_${r} *= corrections[${r}];`)
  }
      workgroupBarrier();
      if (share < num_shares) {
        let tile_end = min(POSITIONS, last + 1u - tile_begin);
        for (var i = share; i < tile_end; i += num_shares) {
          let value = unpack_elem4(v_cache[kv_index(sequence, tile_begin + i, kv_head) + c]);
          ${
    rows((r) => `output_${r} = fma(vec4f(scores[${r}u * POSITIONS + i]), value, output_${r});`)
  }
        }
      }
      workgroupBarrier();`;
}

/** Adds a split's lanes and shares up; `store` takes four outputs of row r. */
function finishSplit(numRows: number, between: string, store: (r: number) => string): string {
  return `
    ${unroll(numRows, (r) => `scores[${r}u * POSITIONS + local] = weight_${r};`)}
    add_weights(local);
    ${between}
    ${
    unroll(numRows, (r) => `
    share_outputs[local] = output_${r};
    workgroupBarrier();
    if (local < c4_count) {
      ${store(r)}
    }
    workgroupBarrier();`)
  }`;
}

const PLACE = `
  let c4_count = HEAD_DIM / 4u;
  let num_shares = POSITIONS / c4_count;
  let c = local % c4_count;
  let share = local / c4_count;`;

function declareSums(numRows: number): string {
  return unroll(numRows, (r) => `var weight_${r} = 0.0;\n  var output_${r} = vec4f();`);
}

function splitEntry(name: string, heads: number): string {
  return `
override NUM_SPLITS: u32;

@compute @workgroup_size(${ATTENTION_POSITIONS})
fn ${name}(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  ${PLACE}
  let split = group.x % NUM_SPLITS;
  let first_head = group.x / NUM_SPLITS * HEADS;
  let kv_head = first_head / (NUM_HEADS / NUM_KV_HEADS);
  let t = group.y;
  let position = tokens[t].position;
  let sequence = tokens[t].sequence;
  let first_0 = first_seen(position);
  let end_0 = position + 1u;
  if (split < first_0 / SPLIT || split > position / SPLIT) {
    return; // the reduce kernel does not read it
  }
  load_queries(t, first_head, local);
  ${declareSums(heads)}
  ${resetSums(heads)}
  let last = min(position, split * SPLIT + SPLIT - 1u);
  var tile_begin = max(split * SPLIT, first_0 / POSITIONS * POSITIONS);
  for (; tile_begin <= last; tile_begin += POSITIONS) {
    ${tileStep({ heads, tokens: 1 })}
  }
  let to = (t * NUM_HEADS + first_head) * NUM_SPLITS + split; // stats[t, first_head, split]
  ${
    finishSplit(
      heads,
      `if (local < ROWS) {
    stats[to + local * NUM_SPLITS] = vec2f(maxima[local], weight_sums[local]);
  }`,
      (r) => `partials[(to + ${r}u * NUM_SPLITS) * c4_count + local] = add_shares(local);`,
    )
  }
}
`;
}

function tileEntry(name: string, { heads, tokens }: Rows): string {
  const numRows = heads * tokens;
  return `
var<workgroup> totals: array<vec4f, ROWS * HEAD_DIM / 4>; // of all splits so far
var<workgroup> total_maxima: array<f32, ROWS>;
var<workgroup> total_sums: array<f32, ROWS>;
var<workgroup> keeps: array<f32, ROWS>;
var<workgroup> takes: array<f32, ROWS>;

// How a split joins the ones before it; the reduce kernel does the same.
fn join_split(local: u32) {
  if (local < ROWS) {
    let own = maxima[local];
    let before = total_maxima[local];
    let is_seen = weight_sums[local] > 0.0;
    let maximum = select(before, max(before, own), is_seen);
    let keep = exp(before - maximum);
    let take = select(0.0, exp(own - maximum), is_seen);
    keeps[local] = keep;
    takes[local] = take;
    total_maxima[local] = maximum;
    total_sums[local] = fma(weight_sums[local], take, total_sums[local] * keep);
  }
}

@compute @workgroup_size(${ATTENTION_POSITIONS})
fn ${name}(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  ${PLACE}
  let first_head = group.x * HEADS;
  let kv_head = first_head / (NUM_HEADS / NUM_KV_HEADS);
  let first_token = group.y * TOKENS;
  let num_tokens = min(TOKENS, step.num_tokens - first_token);
  load_queries(first_token, first_head, local);
  ${declareSums(numRows)}
  var begin = 0u;
  while (begin < num_tokens) { // tokens of one sequence at a time; mostly all are
    let sequence = tokens[first_token + begin].sequence;
    var end = begin + 1u;
    while (end < num_tokens && tokens[first_token + end].sequence == sequence) {
      end++;
    }
    ${
    unroll(tokens, (m) => `
    let position_${m} = tokens[first_token + min(${m}u, num_tokens - 1u)].position;
    let first_${m} = first_seen(position_${m});
    let end_${m} = select(0u, position_${m} + 1u, ${m}u >= begin && ${m}u < end);`)
  }
    let lowest = first_seen(tokens[first_token + begin].position);
    let highest = tokens[first_token + end - 1u].position;
    for (var i = local; i < ROWS * c4_count; i += POSITIONS) {
      totals[i] = vec4f();
    }
    if (local < ROWS) {
      total_maxima[local] = LOWEST;
      total_sums[local] = 0.0;
    }
    for (var split = lowest / SPLIT; split <= highest / SPLIT; split++) {
      ${resetSums(numRows)}
      let last = min(highest, split * SPLIT + SPLIT - 1u);
      var tile_begin = max(split * SPLIT, lowest / POSITIONS * POSITIONS);
      for (; tile_begin <= last; tile_begin += POSITIONS) {
        ${tileStep({ heads, tokens })}
      }
      ${
    finishSplit(
      numRows,
      "join_split(local);\n    workgroupBarrier();",
      (r) => `
      let i = ${r}u * c4_count + local;
      totals[i] = fma(add_shares(local), vec4f(takes[${r}]), totals[i] * keeps[${r}]);`,
    )
  }
    }
    for (var i = local; i < ROWS * c4_count; i += POSITIONS) {
      let row = i / c4_count;
      let m = row / HEADS;
      if (m >= begin && m < end) {
        let to = (first_token + m) * NUM_HEADS + first_head + row % HEADS; // y[t, head]
        y[to * c4_count + i % c4_count] = totals[i] / total_sums[row];
      }
    }
    workgroupBarrier();
    begin = end;
  }
}
`;
}
