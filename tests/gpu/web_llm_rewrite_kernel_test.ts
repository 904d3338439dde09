import assert from "node:assert/strict";
import { Dispatcher, type KernelRewriter } from "../../engine/backends/web_llm/dispatch.ts";
import { rewriteForCpu } from "../../engine/backends/web_llm/rewrite_kernel.ts";
import { assertClose } from "../support/assert_close.ts";
import { driveFakeTvm, FakeTvmContext } from "../support/fake_tvm.ts";
import { roundTo, toElem } from "../support/gpu.ts";
import { type ProductOptions, writeLibraryProduct } from "../support/library_kernels.ts";
import { createRandom, randomValues } from "../support/random.ts";

/** Libraries in f16 ask for the feature; our kernels do without. */
const adapter = await navigator.gpu.requestAdapter();
const device = await adapter!.requestDevice({ requiredFeatures: ["shader-f16"] });

/** Operands as the device holds them, and what the product of them is. */
function makeOperands({ k, n, epilogue, elem }: ProductOptions, numTokens: number) {
  const random = createRandom(k + n + numTokens);
  const codes = Uint32Array.from({ length: n * k / 8 }, () => {
    let word = 0;
    for (let i = 0; i < 8; i++) word = (word << 4) | Math.floor(random() * 15);
    return word >>> 0;
  });
  const values = (length: number, scale: number) =>
    roundTo(randomValues(random, length, scale), elem);
  const scales = values(n * k / 32, 0.1);
  const x = values(numTokens * k, 1);
  const operand = values(epilogue === "bias" ? n : numTokens * n, 1);
  const expected: number[] = [];
  for (let token = 0; token < numTokens; token++) {
    for (let row = 0; row < n; row++) {
      let sum = 0;
      for (let j = 0; j < k; j++) {
        const code = (codes[row * k / 8 + (j >> 3)]! >>> (4 * (j % 8))) & 15;
        sum += x[token * k + j]! * (code - 7) * scales[row * k / 32 + (j >> 5)]!;
      }
      if (epilogue === "bias") sum += operand[row]!;
      if (epilogue === "residual") sum += operand[token * n + row]!;
      expected.push(sum);
    }
  }
  const hasOperand = epilogue !== "none";
  const operands = [codes, toElem(scales, elem)];
  if (hasOperand) operands.push(toElem(operand, elem));
  operands.push(toElem(x, elem));
  return { operands, expected };
}

async function runProduct(
  options: ProductOptions,
  numTokens: number,
  rewrite: KernelRewriter,
): Promise<{ y: Float32Array; expected: number[] }> {
  const { info, code, launch } = writeLibraryProduct(options);
  const { operands, expected } = makeOperands(options, numTokens);
  const context = new FakeTvmContext(device);
  new Dispatcher(context, rewrite);
  const { upload, kernel, read } = driveFakeTvm(context);
  const unwritten = new Float32Array(expected.length).fill(NaN);
  const y = upload(toElem(unwritten, options.outElem));
  const counts = options.form === "one" ? [] : [numTokens];
  kernel(info, code)(y, ...operands.map(upload), ...counts, ...launch(numTokens));
  const bytes = await read(y);
  const stored = options.outElem === "f32"
    ? new Float32Array(bytes)
    : new Float32Array(new Float16Array(bytes));
  return { y: stored.slice(0, expected.length), expected };
}

/** One of each epilogue, element type and odd number of tokens with every form. */
const PRODUCTS: [form: ProductOptions["form"], numTokens: number[]][] = [
  ["one", [1]],
  ["pair", [1, 2, 5, 9]],
  ["tiled", [1, 31, 33, 70]],
];
const KINDS: Pick<ProductOptions, "epilogue" | "elem" | "outElem">[] = [
  { epilogue: "none", elem: "f32", outElem: "f32" },
  { epilogue: "bias", elem: "f32", outElem: "f32" },
  { epilogue: "residual", elem: "f32", outElem: "f32" },
  { epilogue: "bias", elem: "f16", outElem: "f16" },
  { epilogue: "residual", elem: "f16", outElem: "f16" },
  { epilogue: "none", elem: "f16", outElem: "f32" },
];

for (const [form, counts] of PRODUCTS) {
  for (const kind of KINDS) {
    const { epilogue, elem, outElem } = kind;
    const name = `${form} form, ${elem} to ${outElem}, ${epilogue} added`;
    Deno.test(`rewriteForCpu() computes what the library's kernel does (${name})`, async () => {
      for (const [k, n] of [[64, 32], [896, 96]] as const) {
        const options = { form, k, n, ...kind };
        for (const numTokens of counts) {
          let isRewritten = false;
          const rewritten = await runProduct(options, numTokens, (kernel, code) => {
            const found = rewriteForCpu(kernel, code);
            isRewritten = found !== null;
            return found;
          });
          assert.equal(isRewritten, true);
          // f32 sums of up to 896 products; an f16 output is rounded once more.
          const tolerance = outElem === "f32" ? 1e-4 : 0.02;
          assertClose(rewritten.y, rewritten.expected, { atol: tolerance, rtol: 1e-3 });
          const original = await runProduct(options, numTokens, () => null);
          // The library sums in f16 where it stores f16.
          const own = elem === "f32" ? 1e-4 : 0.2;
          assertClose(original.y, original.expected, { atol: own, rtol: 1e-2 });
        }
      }
    });
  }
}

const PLAIN: ProductOptions = {
  form: "pair",
  k: 64,
  n: 32,
  epilogue: "bias",
  elem: "f32",
  outElem: "f32",
};

for (
  const [what, name, change] of [
    ["of another name", "fused_rope_kernel", (code: string) => code],
    ["of another workgroup", null, (code: string) => code.replace("(64, 1, 1)", "(32, 1, 1)")],
    [
      "with other codes",
      null,
      (code: string) => code.replace("- 7.000000e+00f", "- 8.000000e+00f"),
    ],
    ["with two outputs", null, (code: string) => code.replace("read> lv4", "read_write> lv4")],
    ["with an epilogue of its own", null, (code: string) =>
      code.replace(
        / \+ operand\[[^\]]*\]\)/,
        " * f32(podArgs.seq_len))",
      )],
    ["without numbers", null, (code: string) => code.replace("struct PODArgs", "struct Numbers")],
    [
      "with columns that are no whole groups",
      null,
      (code: string) => code.replaceAll("v__1 * 16i", "v__1 * 10i"),
    ],
  ] as const
) {
  Deno.test(`rewriteForCpu() keeps a kernel ${what}`, () => {
    const { info, code } = writeLibraryProduct(PLAIN);
    assert.notEqual(rewriteForCpu(info.name, code), null);
    assert.equal(rewriteForCpu(name ?? info.name, change(code)), null);
  });
}
