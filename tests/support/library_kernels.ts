/**
 * Quantized matrix products in the forms in which the compiler of model libraries writes them: the same bindings, numbers
 * and index sums, with loops where it unrolls.
 */
import type { TvmKernelInfo } from "../../engine/backends/web_llm/tvm.ts";

/** `bias` has a value a row, `residual` one an output. */
export type Epilogue = "none" | "bias" | "residual";

/** What a kernel is written for. */
export interface ProductOptions {
  /** For one token; two rows and two tokens a workgroup; or 32 of both. */
  form: "one" | "pair" | "tiled";
  /** Columns and rows of the weight. */
  k: number;
  n: number;
  epilogue: Epilogue;
  /** Of activations, scales and operands. */
  elem: "f32" | "f16";
  /** Of the output. */
  outElem: "f32" | "f16";
}

/** A kernel's text and how it is called. */
export interface LibraryKernel {
  info: TvmKernelInfo;
  code: string;
  /** Launch arguments for this many tokens. */
  launch(numTokens: number): number[];
}

const NAME = "fused_fused_dequantize1_fused_NT_matmul_kernel";

/** Writes the kernel y = x · wᵀ (+ bias or residual). Buffers: y, codes, scales, [operand,] x. */
export function writeLibraryProduct(options: ProductOptions): LibraryKernel {
  const { form, n, epilogue, elem, outElem } = options;
  const hasOperand = epilogue !== "none";
  const buffers = [
    `var<storage, read_write> y : array<${outElem}>;`,
    "var<storage, read> lv3 : array<u32>;",
    `var<storage, read> lv4 : array<${elem}>;`,
    ...(hasOperand ? [`var<storage, read> operand : array<${elem}>;`] : []),
    `var<storage, read> x : array<${elem}>;`,
  ];
  const bindings = buffers.map((buffer, i) => `@group(0) @binding(${i}) ${buffer}`).join("\n");
  const count = form === "one" ? "" : "  seq_len: i32,\n";
  const code = `${elem === "f16" || outElem === "f16" ? "enable f16;\n" : ""}${bindings}

struct PODArgs {
${count}  packGridDimX: u32
}
@group(0) @binding(${buffers.length}) var<uniform> podArgs : PODArgs;
${{ one: writeOne, pair: writePair, tiled: writeTiled }[form](options)}`;
  const [width, height] = form === "tiled" ? ["tokens", n / 32] : [n, 1];
  return {
    info: {
      name: NAME,
      arg_types: [...buffers.map(() => "handle"), ...(form === "one" ? [] : ["int32"])],
      launch_param_tags: [
        "blockIdx.x",
        "blockIdx.y",
        "threadIdx.x",
        "threadIdx.y",
        `paramWriteAccess:[1${",0".repeat(buffers.length - 1)}]`,
      ],
    },
    code,
    launch(numTokens) {
      if (width === "tokens") return [Math.ceil(numTokens / 32), height, 8, 8];
      if (form === "pair") return [n / 2, Math.ceil(numTokens / 2), 64, 1];
      return [n, height, 64, 1];
    },
  };
}

const HEAD = `fn ${NAME}(
  @builtin(workgroup_id) blockIdx : vec3<u32>,
  @builtin(num_workgroups) gridDim : vec3<u32>,
  @builtin(local_invocation_id) threadIdx : vec3<u32>
) {
  if (blockIdx.z * gridDim.x + blockIdx.x > podArgs.packGridDimX) { return; }
  let v__1 : i32 = i32(blockIdx.z * gridDim.x + blockIdx.x);`;

/** The value that is stored: the sum, converted where the types differ, and the operand. */
function writeValue(sum: string, at: string, row: string, options: ProductOptions): string {
  const { epilogue, elem, outElem } = options;
  const value = elem === outElem ? sum : `${outElem}(${sum})`;
  if (epilogue === "none") return value;
  const operand = `operand[${epilogue === "bias" ? row : at}]`;
  return `(${value} + ${elem === outElem ? operand : `${outElem}(${operand})`})`;
}

function literal(value: string, elem: "f32" | "f16"): string {
  return `${value}e+00${elem === "f32" ? "f" : "h"}`;
}

/** Code 2i or 2i + 1 of a word, as a value. */
function writeWeight(word: string, shift: string, scale: string, elem: "f32" | "f16"): string {
  return `((${elem}(((${word}>>u32(${shift})) & 15u)) - ${literal("7.000000", elem)}) * ${scale})`;
}

/** 64 invocations share a row's words, and add up in workgroup memory. */
function writeOne(options: ProductOptions): string {
  const { k, elem } = options;
  const weight = writeWeight(
    `lv3[((v__1 * ${k / 8}i) + word)]`,
    "(4i * i)",
    `lv4[((v__1 * ${k / 32}i) + (word>>2u))]`,
    elem,
  );
  return `var<workgroup> red_buf0 : array<${elem}, 64>;
@compute @workgroup_size(64, 1, 1)
${HEAD}
  var sum : ${elem} = ${literal("0.000000", elem)};
  for (var word : i32 = i32(threadIdx.x); word < ${k / 8}i; word = word + 64i) {
    for (var i : i32 = 0; i < 8i; i++) {
      sum = fma(x[((word * 8i) + i)], ${weight}, sum);
    }
  }
  red_buf0[i32(threadIdx.x)] = sum;
  workgroupBarrier();
  if (i32(threadIdx.x) == 0i) {
    for (var i : i32 = 1; i < 64i; i++) {
      red_buf0[0i] = (red_buf0[0i] + red_buf0[i]);
    }
    y[v__1] = ${writeValue("red_buf0[0i]", "v__1", "v__1", options)};
  }
}
`;
}

/** Two rows and two tokens a workgroup; here the first invocation does all. */
function writePair(options: ProductOptions): string {
  const { k, n, elem } = options;
  const weight = writeWeight(
    `lv3[(((v__1 * ${k / 4}i) + (ax1_fused_2 * ${k / 8}i)) + (j>>3u))]`,
    "((j & 7i) * 4i)",
    `lv4[(((v__1 * ${k / 16}i) + (ax1_fused_2 * ${k / 32}i)) + (j>>5u))]`,
    elem,
  );
  const at = `((((i32(blockIdx.y) * ${2 * n}i) + (ax0 * ${n}i)) + (v__1 * 2i)) + ax1_fused_2)`;
  return `@compute @workgroup_size(64, 1, 1)
${HEAD}
  var NT_matmul_intermediate_pad_local : array<${elem}, 4>;
  for (var ax0 : i32 = 0; ax0 < 2i; ax0++) {
    for (var ax1_fused_2 : i32 = 0; ax1_fused_2 < 2i; ax1_fused_2++) {
      if ((i32(threadIdx.x) == 0i) && (((i32(blockIdx.y) * 2i) + ax0) < podArgs.seq_len)) {
        var sum : ${elem} = ${literal("0.000000", elem)};
        for (var j : i32 = 0; j < ${k}i; j++) {
          sum = fma(x[((((i32(blockIdx.y) * 2i) + ax0) * ${k}i) + j)], ${weight}, sum);
        }
        NT_matmul_intermediate_pad_local[((ax0 * 2i) + ax1_fused_2)] = sum;
      }
      if ((i32(blockIdx.y) * 2i) < podArgs.seq_len) {
        if ((i32(threadIdx.x) == 0i) && (((i32(blockIdx.y) * 2i) + ax0) < podArgs.seq_len)) {
          y[${at}] = ${
    writeValue(
      "NT_matmul_intermediate_pad_local[((ax0 * 2i) + ax1_fused_2)]",
      at,
      "((v__1 * 2i) + ax1_fused_2)",
      options,
    )
  };
        }
      }
    }
  }
}
`;
}

/** 32 rows and 32 tokens a workgroup, 4 × 4 an invocation, with both operands in workgroup memory. */
function writeTiled(options: ProductOptions): string {
  const { k, n, elem } = options;
  const zero = literal("0.000000", elem);
  const row = "((i32(threadIdx.y) * 4i) + (i32(threadIdx.x)>>1u))";
  const weight = writeWeight(
    `lv3[((((i32(blockIdx.y) * ${4 * k}i) + (i32(threadIdx.y) * ${
      k / 2
    }i)) + ((i32(threadIdx.x)>>1u) * ${k / 8}i)) + ax3_0)]`,
    "(((i32(threadIdx.x) & 1i) * 16i) + (4i * i))",
    `lv4[((((i32(blockIdx.y) * ${k}i) + (i32(threadIdx.y) * ${
      k / 8
    }i)) + ((i32(threadIdx.x)>>1u) * ${k / 32}i)) + (ax3_0>>2u))]`,
    elem,
  );
  const at = `((((((v__1 * ${32 * n}i) + (i32(threadIdx.x) * ${
    4 * n
  }i)) + (ax1 * ${n}i)) + (i32(blockIdx.y) * 32i)) + (i32(threadIdx.y) * 4i)) + ax2)`;
  return `var<workgroup> x_shared : array<${elem}, 256>;
var<workgroup> dequantize_shared : array<${elem}, 256>;
@compute @workgroup_size(8, 8, 1)
${HEAD}
  var NT_matmul_local : array<${elem}, 16>;
  for (var i : i32 = 0; i < 16i; i++) { NT_matmul_local[i] = ${zero}; }
  for (var ax3_0 : i32 = 0; ax3_0 < ${k / 8}i; ax3_0++) {
    workgroupBarrier();
    for (var i : i32 = 0; i < 4i; i++) {
      let own : i32 = (((i32(threadIdx.y) * 32i) + (i32(threadIdx.x) * 4i)) + i);
      x_shared[own] = ${zero};
      if (((v__1 * 32i) + ${row}) < podArgs.seq_len) {
        x_shared[own] = x[(((((v__1 * ${32 * k}i) + (i32(threadIdx.y) * ${
    4 * k
  }i)) + ((i32(threadIdx.x)>>1u) * ${k}i)) + (ax3_0 * 8i)) + (((i32(threadIdx.x) & 1i) * 4i) + i))];
      }
      dequantize_shared[own] = ${weight};
    }
    workgroupBarrier();
    for (var j : i32 = 0; j < 8i; j++) {
      for (var ax1 : i32 = 0; ax1 < 4i; ax1++) {
        for (var ax2 : i32 = 0; ax2 < 4i; ax2++) {
          NT_matmul_local[((ax1 * 4i) + ax2)] = fma(x_shared[((((i32(threadIdx.x) * 4i) + ax1) * 8i) + j)], dequantize_shared[((((i32(threadIdx.y) * 4i) + ax2) * 8i) + j)], NT_matmul_local[((ax1 * 4i) + ax2)]);
        }
      }
    }
  }
  for (var ax1 : i32 = 0; ax1 < 4i; ax1++) {
    for (var ax2 : i32 = 0; ax2 < 4i; ax2++) {
      if (((v__1 * 32i) + ((i32(threadIdx.x) * 4i) + ax1)) < podArgs.seq_len) {
        y[${at}] = ${
    writeValue(
      "NT_matmul_local[((ax1 * 4i) + ax2)]",
      at,
      "(((i32(blockIdx.y) * 32i) + (i32(threadIdx.y) * 4i)) + ax2)",
      options,
    )
  };
      }
    }
  }
}
`;
}
