/**
 * Gives a library's quantized matrix products another schedule on CPU adapters. The compiler wrote them for GPUs: 64
 * invocations a row with barriers between, which a CPU driver runs one after the other. Here each invocation sums one whole
 * row in registers with 16-byte loads. Bindings, numbers, name and meaning stay; what is not recognized is kept as it is.
 *
 *     y[m, n] = epilogue(Σ_k x[m, k] · (code[n, k] - 7) · scale[n, k / 32], m, n)
 *
 * @module
 */
import type { RewrittenKernel } from "./dispatch.ts";

/** Rows of the weight a workgroup sums, one an invocation: the width of a CPU's vectors. */
const ROWS_PER_WORKGROUP = 8;
/** Tokens that one invocation sums at once, so that a weight is unpacked once for all of them. */
const TOKENS_PER_TILE = 4;

interface Binding {
  readonly line: string;
  readonly isWritten: boolean;
  readonly name: string;
  readonly type: string;
}

/** A product as it is read from the library's text. */
interface Product {
  readonly bindings: readonly Binding[];
  /** The struct of numbers, verbatim. */
  readonly numbers: string;
  /** Element types of `x` and `y`. */
  readonly xElem: "f32" | "f16";
  readonly elem: "f32" | "f16";
  readonly codes: string;
  readonly scale: string;
  readonly x: string;
  readonly y: string;
  /** Columns of the weight. */
  readonly k: number;
  /** Rows of the weight; null: as many as the dispatch is wide. */
  readonly n: number | null;
  /** WGSL of the stored value, of `acc` (elem), `o` (m, n) and `n`. */
  readonly epilogue: string;
  /** Tokens: the name of their count, and how many of the original's workgroups make how many; null is one token. */
  readonly tokens: { count: string; perWorkgroup: number; axis: "xz" | "y" } | null;
}

/** A {@linkcode KernelRewriter} for adapters that run on a CPU. */
export function rewriteForCpu(name: string, code: string): RewrittenKernel | null {
  if (!name.includes("dequantize") || !name.includes("NT_matmul")) return null;
  const product = readProduct(code);
  if (product === null) return null;
  return {
    code: writeProduct(name, product),
    workgroups: ([x, y, z]) => {
      const { n, tokens } = product;
      const numRowTiles = Math.ceil((n ?? x * z) / ROWS_PER_WORKGROUP);
      if (tokens === null) return [numRowTiles, 1, 1];
      const numTokens = tokens.perWorkgroup * (tokens.axis === "y" ? y : x * z);
      return [numRowTiles, Math.ceil(numTokens / TOKENS_PER_TILE), 1];
    },
  };
}

function readProduct(code: string): Product | null {
  const bindings = readBindings(code);
  const numbers = /struct PODArgs \{[^}]*\}/.exec(code)?.[0];
  const y = only(bindings.filter(({ isWritten }) => isWritten));
  const codes = only(bindings.filter(({ type }) => type === "u32"));
  const scale = /- 7\.0+e\+00[fh]\) \* (\w+)\[/.exec(code)?.[1];
  const store = y && readStore(code, y.name);
  if (!numbers || !y || !codes || !scale || !store) return null;
  const used = new Set([y.name, codes.name, scale, ...store.operands]);
  const x = only(bindings.filter(({ name, isWritten }) => !isWritten && !used.has(name)));
  const shape = readShape(code, { codes: codes.name, place: store.place });
  if (!x || shape === null || shape.k % 32 !== 0) return null;
  if (y.type !== "f32" && y.type !== "f16") return null;
  if (x.type !== "f32" && x.type !== "f16") return null;
  return {
    bindings,
    numbers,
    xElem: x.type,
    elem: y.type,
    codes: codes.name,
    scale,
    x: x.name,
    y: y.name,
    epilogue: store.epilogue,
    ...shape,
  };
}

function readBindings(code: string): Binding[] {
  const pattern =
    /@group\(0\) @binding\(\d+\) var<storage, (read|read_write)> (\w+) : array<(\w+)>;/g;
  return [...code.matchAll(pattern)].map(([line, access, name, type]) => ({
    line: line!,
    isWritten: access === "read_write",
    name: name!,
    type: type!,
  }));
}

/** The last store into `y`; operands at the same place are indexed by output, all others by row. */
function readStore(
  code: string,
  y: string,
): { place: string; epilogue: string; operands: string[] } | null {
  const stores = [...code.matchAll(new RegExp(`\\b${y}\\[([^\\[\\]]*)\\] = ([^;]*);`, "g"))];
  const [, place, value] = stores.at(-1) ?? [];
  if (place === undefined || value === undefined) return null;
  const operands: string[] = [];
  let numSums = 0;
  const epilogue = value.replace(/(\w+)\[([^[\]]*)\]/g, (_, name: string, index: string) => {
    if (name === "red_buf0" || name.endsWith("_local")) {
      numSums++;
      return "acc";
    }
    operands.push(name);
    return `${name}[${index === place ? "o" : "n"}]`;
  });
  const isKnown = numSums === 1 && !/threadIdx|blockIdx|v__1|podArgs/.test(epilogue);
  return isKnown ? { place, epilogue, operands } : null;
}

/** Sizes are literals of the index sums; each of the compiler's schedules spells them in its own way. */
function readShape(
  code: string,
  { codes, place }: { codes: string; place: string },
): Pick<Product, "k" | "n" | "tokens"> | null {
  const number = (pattern: RegExp, text = code) => {
    const digits = pattern.exec(text)?.[1];
    return digits === undefined ? null : Number(digits);
  };
  const count = /\) < podArgs\.(\w+)\)/.exec(code)?.[1];
  if (code.includes("@workgroup_size(8, 8, 1)")) {
    const k = number(/\(i32\(threadIdx\.x\)>>1u\) \* (\d+)i\)\) \+ \(ax3_0 \* 8i\)/);
    const outputs = number(/\[\(+v__1 \* (\d+)i\) \+ \(i32\(threadIdx\.x\) \* \d+i\)\)/);
    if (k === null || outputs === null || !count) return null;
    return { k, n: outputs / 32, tokens: { count, perWorkgroup: 32, axis: "xz" } };
  }
  if (!code.includes("@workgroup_size(64, 1, 1)")) return null;
  const wordsPerStep = number(new RegExp(`\\b${codes}\\[\\(+v__1 \\* (\\d+)i\\)`));
  if (wordsPerStep === null) return null;
  if (!count) return { k: 8 * wordsPerStep, n: null, tokens: null };
  const perWorkgroup = number(/\(i32\(blockIdx\.y\) \* (\d+)i\)\)? < podArgs/) ??
    number(/\(i32\(blockIdx\.y\) \* (\d+)i\) \+ 1i\) < podArgs/);
  const n = number(/\(ax0 \* (\d+)i\)/, place);
  const rowsPerStep = number(/\(v__1 \* (\d+)i\)\) \+ ax1_fused_2\)\] =/);
  if (perWorkgroup === null || n === null || rowsPerStep === null) return null;
  return {
    k: 8 * wordsPerStep / rowsPerStep,
    n,
    tokens: { count, perWorkgroup, axis: "y" },
  };
}

function writeProduct(name: string, product: Product): string {
  const { bindings, elem, codes, scale, x, y, k, n, epilogue, tokens } = product;
  const numTokens = tokens === null ? 1 : TOKENS_PER_TILE;
  const tile = Array.from({ length: numTokens }, (_, t) => t);
  const rows = n === null ? "podArgs.packGridDimX" : `${n}u`;
  const each = (line: (t: number) => string) => tile.map(line).join("\n      ");
  return `${bindings.some(({ type }) => type === "f16") ? "enable f16;\n" : ""}${
    writeBindings(product)
  }

@compute @workgroup_size(${ROWS_PER_WORKGROUP}, 1, 1)
fn ${name}(@builtin(global_invocation_id) id : vec3<u32>) {
  let n = id.x;
  let first = id.y * ${numTokens}u;
  if (n >= ${rows}) { return; }
  ${each((t) => `var sum${t} = 0.0; let x${t} = ${atToken(t, tokens)} * ${k / 4}u;`)}
  for (var g = 0u; g < ${k / 32}u; g++) {
    let words = ${codes}[n * ${k / 32}u + g];
    let scale = f32(${scale}[n * ${k / 32}u + g]);
    ${each((t) => `var group${t} = 0.0;`)}
    for (var w = 0u; w < 4u; w++) {
      let word = vec4<u32>(words[w]);
      let low = vec4<f32>((word >> vec4<u32>(0u, 4u, 8u, 12u)) & vec4<u32>(15u)) - 7.0;
      let high = vec4<f32>((word >> vec4<u32>(16u, 20u, 24u, 28u)) & vec4<u32>(15u)) - 7.0;
      let at = g * 8u + w * 2u;
      ${
    each((t) =>
      `group${t} += dot(low, vec4<f32>(${x}[x${t} + at])) + dot(high, vec4<f32>(${x}[x${t} + at + 1u]));`
    )
  }
    }
    ${each((t) => `sum${t} = fma(group${t}, scale, sum${t});`)}
  }
  ${each((t) => writeOutput(t, { elem, y, epilogue, rows, tokens }))}
}
`;
}

/** The weight's codes and the activations are bound as vectors: layouts fix the access, not the element. */
function writeBindings({ bindings, codes, x, xElem, numbers }: Product): string {
  const lines = bindings.map(({ line, name }) => {
    if (name === codes) return line.replace("array<u32>", "array<vec4<u32>>");
    return name === x ? line.replace(`array<${xElem}>`, `array<vec4<${xElem}>>`) : line;
  });
  const uniform = `@group(0) @binding(${bindings.length}) var<uniform> podArgs : PODArgs;`;
  return [...lines, numbers, uniform].join("\n");
}

/** Tokens behind the last one read the last one's activations and store nothing. */
function atToken(t: number, tokens: Product["tokens"]): string {
  return tokens === null ? "0u" : `min(first + ${t}u, u32(podArgs.${tokens.count}) - 1u)`;
}

function writeOutput(
  t: number,
  { elem, y, epilogue, rows, tokens }:
    & Pick<Product, "elem" | "y" | "epilogue" | "tokens">
    & { rows: string },
): string {
  const guard = tokens === null ? "true" : `first + ${t}u < u32(podArgs.${tokens.count})`;
  return `if (${guard}) { let o = (first + ${t}u) * ${rows} + n; let acc = ${elem}(sum${t}); ${y}[o] = ${epilogue}; }`;
}

function only<T>(values: readonly T[]): T | null {
  return values.length === 1 ? values[0]! : null;
}
