import assert from "node:assert/strict";
import { Dispatcher } from "../../engine/backends/web_llm/dispatch.ts";
import type { TvmKernelInfo } from "../../engine/backends/web_llm/tvm.ts";
import { driveFakeTvm, FakeTvmContext } from "../support/fake_tvm.ts";
import { device } from "../support/gpu.ts";

/** y[i] = y[i] · decay + x[i] · scale + shift + count, one invocation an element. */
const MIX: TvmKernelInfo = {
  name: "mix_kernel",
  arg_types: ["handle", "handle", "float32", "int32", "uint32", "float32"],
  launch_param_tags: ["blockIdx.x", "threadIdx.x", "paramWriteAccess:[0,1]"],
};
const MIX_CODE = `
@group(0) @binding(0) var<storage, read> x : array<f32>;
@group(0) @binding(1) var<storage, read_write> y : array<f32>;
struct PODArgs { scale: f32, shift: i32, count: u32, decay: f32, packGridDimX: u32 }
@group(0) @binding(2) var<uniform> podArgs : PODArgs;
@compute @workgroup_size(8, 1, 1)
fn mix_kernel(@builtin(global_invocation_id) id : vec3<u32>) {
  if (id.x >= arrayLength(&y)) { return; }
  y[id.x] = y[id.x] * podArgs.decay + x[id.x] * podArgs.scale + f32(podArgs.shift) + f32(podArgs.count);
}
`;

/** y[block] = block + 1 for each block of a grid that z may share with x. */
const NUMBER: TvmKernelInfo = {
  name: "number_kernel",
  arg_types: ["handle"],
  launch_param_tags: ["blockIdx.x", "blockIdx.y", "paramWriteAccess:[1]"],
};
const NUMBER_CODE = `
@group(0) @binding(0) var<storage, read_write> y : array<u32>;
struct PODArgs { packGridDimX: u32 }
@group(0) @binding(1) var<uniform> podArgs : PODArgs;
@compute @workgroup_size(1, 1, 1)
fn number_kernel(
  @builtin(workgroup_id) blockIdx : vec3<u32>,
  @builtin(num_workgroups) gridDim : vec3<u32>
) {
  let block = blockIdx.z * gridDim.x + blockIdx.x;
  if (block >= podArgs.packGridDimX) { return; }
  y[blockIdx.y * podArgs.packGridDimX + block] = block + 1u;
}
`;

function createTvm() {
  const context = new FakeTvmContext(device.raw);
  const dispatcher = new Dispatcher(context);
  const tvm = driveFakeTvm(context);
  const readFloats = async (pointer: number) => [...new Float32Array(await tvm.read(pointer))];
  return { context, dispatcher, ...tvm, readFloats };
}

Deno.test("Dispatcher calls a kernel with its buffers, and each number as its own type", async () => {
  const { upload, kernel, readFloats } = createTvm();
  const x = upload(Float32Array.of(1, 2, 3));
  const y = upload(Float32Array.of(10, 20, 30));
  kernel(MIX, MIX_CODE)(x, y, 0.5, -7, 3_000_000_000, 2, 1, 8);
  assert.deepEqual(
    await readFloats(y),
    [10, 20, 30].map((old, i) => Math.fround(old * 2 + (i + 1) * 0.5 - 7 + 3_000_000_000)),
  );
});

Deno.test("Dispatcher spreads a grid wider than the device's limit over z", async () => {
  const { upload, kernel, read } = createTvm();
  const [width, height] = [140_001, 2];
  const y = upload(new Uint32Array(width * height));
  kernel(NUMBER, NUMBER_CODE)(y, width, height);
  const blocks = new Uint32Array(await read(y));
  for (let i = 0; i < blocks.length; i++) assert.equal(blocks[i], i % width + 1);
});

Deno.test("Dispatcher keeps calls, writes and copies in the order of the program", async () => {
  const { context, upload, kernel, readFloats } = createTvm();
  const mix = kernel(MIX, MIX_CODE);
  const [x, y, z] = [[1, 1], [0, 0], [0, 0]].map((data) => upload(Float32Array.from(data)));
  mix(x!, y!, 5, 0, 0, 0, 1, 8); // y = 5, 5
  context.deviceCopyToGPU(new Uint8Array(Float32Array.of(2).buffer), x!, 4); // x = 1, 2
  mix(x!, y!, 1, 0, 0, 1, 1, 8); // y = 6, 7
  context.deviceCopyWithinGPU(y!, 4, z!, 0, 4); // z = 7, 0
  mix(x!, y!, 0, 100, 0, 1, 1, 8); // y = 106, 107
  context.copyRawBytesToBuffer(new Uint8Array(Float32Array.of(3).buffer), y!, 0); // y = 3, 107
  mix(y!, z!, 1, 0, 0, 1, 1, 8); // z = 10, 107
  assert.deepEqual(await readFloats(z!), [10, 107]);
});

Deno.test("Dispatcher hands many calls over at once, and again when their numbers fill the buffer", async () => {
  const { dispatcher, upload, kernel, readFloats } = createTvm();
  const mix = kernel(MIX, MIX_CODE);
  const [x, y] = [upload(Float32Array.of(1)), upload(Float32Array.of(0))];
  for (let i = 1; i <= 20; i++) mix(x, y, i, 0, 0, 1, 1, 8);
  assert.equal(dispatcher.numSubmits, 0);
  assert.deepEqual(await readFloats(y), [210]);
  assert.equal(dispatcher.numSubmits, 1);
  for (let i = 1; i <= 3000; i++) mix(x, y, i, 0, 0, 1, 1, 8);
  assert.deepEqual(await readFloats(y), [210 + 3000 * 3001 / 2]);
  assert.ok(dispatcher.numSubmits > 2, `${dispatcher.numSubmits} submits`);
});

Deno.test("Dispatcher finds the bind group of the same buffers again", async () => {
  const { upload, kernel, readFloats } = createTvm();
  const mix = kernel(MIX, MIX_CODE);
  const [x, y, z] = [
    upload(Float32Array.of(1)),
    upload(new Float32Array(1)),
    upload(
      new Float32Array(1),
    ),
  ];
  let numBindGroups = 0;
  const createBindGroup = device.raw.createBindGroup.bind(device.raw);
  device.raw.createBindGroup = (descriptor) => {
    numBindGroups++;
    return createBindGroup(descriptor);
  };
  try {
    for (let i = 0; i < 50; i++) {
      mix(x, y, 1, 0, 0, 1, 1, 8);
      mix(x, z, 2, 0, 0, 1, 1, 8);
    }
    assert.equal(numBindGroups, 2);
  } finally {
    Reflect.deleteProperty(device.raw, "createBindGroup");
  }
  assert.deepEqual([...await readFloats(y), ...await readFloats(z)], [50, 100]);
});

Deno.test("Dispatcher gives a freed buffer to the next tensor of its size, behind the calls that use it", async () => {
  const { context, upload, kernel, readFloats } = createTvm();
  const mix = kernel(MIX, MIX_CODE);
  const [x, y] = [upload(Float32Array.of(1, 2)), upload(Float32Array.of(0, 0))];
  mix(x, y, 1, 0, 0, 0, 1, 8);
  const buffer = context.gpuBufferFromPtr(x);
  context.deviceFreeDataSpace(x);
  const numAllocations = context.numAllocations;
  const next = upload(Float32Array.of(7, 7));
  assert.equal(context.gpuBufferFromPtr(next), buffer);
  assert.equal(context.numAllocations, numAllocations);
  assert.deepEqual(await readFloats(y), [1, 2]);
});

Deno.test("Dispatcher destroys what the pool has no room for, behind the calls that use it", async () => {
  const { context, upload, kernel, readFloats } = createTvm();
  const mix = kernel(MIX, MIX_CODE);
  const large = context.deviceAllocDataSpace(80 * 1024 * 1024);
  context.deviceCopyToGPU(new Uint8Array(Float32Array.of(4).buffer), large, 0);
  const y = upload(Float32Array.of(0));
  mix(large, y, 1, 0, 0, 0, 1, 8);
  context.deviceFreeDataSpace(large);
  assert.deepEqual(await readFloats(y), [4]);
});

Deno.test("Dispatcher makes no buffer of zero bytes", () => {
  const { context } = createTvm();
  const pointer = context.deviceAllocDataSpace(0);
  assert.equal(context.gpuBufferFromPtr(pointer).size, 4);
});

Deno.test("Dispatcher refuses a buffer that is freed twice", () => {
  const { context, upload } = createTvm();
  const pointer = upload(Float32Array.of(1));
  context.deviceFreeDataSpace(pointer);
  assert.throws(() => context.deviceFreeDataSpace(pointer), /frees the buffer \d+ twice/);
});

Deno.test("Dispatcher compiles asynchronously when it is asked to", async () => {
  const { context, upload, readFloats } = createTvm();
  const call = await context.createShadeInternal(MIX, MIX_CODE, true) as (
    ...args: number[]
  ) => void;
  const [x, y] = [upload(Float32Array.of(3)), upload(Float32Array.of(1))];
  call(x, y, 2, 0, 0, 1, 1, 8);
  assert.deepEqual(await readFloats(y), [7]);
});

for (
  const [name, info, message] of [
    ["launch tag", { ...MIX, launch_param_tags: ["vthread"] }, /unknown launch tag vthread/],
    ["type", { ...MIX, arg_types: ["handle", "bool"] }, /unknown type bool/],
  ] as const
) {
  Deno.test(`Dispatcher refuses a kernel with an unknown ${name}`, () => {
    const { context } = createTvm();
    assert.throws(() => context.createShadeInternal(info, MIX_CODE, false), message);
  });
}

Deno.test("Dispatcher runs a kernel that replaces the library's, in its own workgroups", async () => {
  const context = new FakeTvmContext(device.raw);
  new Dispatcher(context, (name, code) => ({
    code: code.replace("block + 1u", "block + 2u"),
    workgroups: ([x, y, z]) => name === NUMBER.name ? [2, y, z] : [x, y, z],
  }));
  const { upload, kernel, read } = driveFakeTvm(context);
  const y = upload(new Uint32Array(4));
  kernel(NUMBER, NUMBER_CODE)(y, 4, 1);
  assert.deepEqual([...new Uint32Array(await read(y))], [2, 3, 0, 0]);
});
