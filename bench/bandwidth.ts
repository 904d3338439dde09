/**
 * Memory bandwidth of the device: the bound of decoding, which reads every weight once a token.
 *
 * @module
 */
import { type GpuDevice, Readback } from "../engine/gpu/mod.ts";

/** Above every cache that a processor or card has for itself, and what any adapter can bind. */
const BUFFER_BYTES = 128 * 1024 * 1024;
const NUM_COPIES = 4;
const NUM_RUNS = 5;
const WORKGROUP_SIZE = 64;
/** Loads of each invocation, unrolled by four: few iterations, so that no driver cuts the loop off. */
const LOADS = 64;

const READ_WGSL = `
@group(0) @binding(0) var<storage, read> x: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
@compute @workgroup_size(${WORKGROUP_SIZE})
fn read_all(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) n: vec3<u32>) {
  let stride = n.x * ${WORKGROUP_SIZE}u;
  var sum = vec4<u32>();
  for (var i = 0u; i < ${LOADS}u; i += 4u) {
    let at = id.x + i * stride;
    sum += x[at] ^ x[at + stride] ^ x[at + 2u * stride] ^ x[at + 3u * stride];
  }
  // Always false for a buffer of zeros, which the compiler cannot know.
  if (sum.x + sum.y + sum.z + sum.w == 1u) { y[0] = id.x; }
}`;

/** Bytes a second, the better of copying (reads and writes counted) and of a kernel that only reads; best run. */
export async function measureBandwidth(device: GpuDevice): Promise<number> {
  const { raw } = device;
  const source = device.createBuffer("bandwidth source", BUFFER_BYTES);
  const target = device.createBuffer("bandwidth target", BUFFER_BYTES);
  const readback = new Readback(raw, 4, { isFast: device.hasFastReadback });
  const read = await recordRead(raw, source, target);
  const best = async (numBytes: number, encode: (encoder: GPUCommandEncoder) => void) => {
    let seconds = Infinity;
    for (let run = 0; run <= NUM_RUNS; run++) { // the first one compiles and touches the pages
      const encoder = raw.createCommandEncoder();
      encode(encoder);
      const start = performance.now();
      await readback.submitAndRead(encoder, target, 4);
      if (run > 0) seconds = Math.min(seconds, (performance.now() - start) / 1000);
    }
    return numBytes / seconds;
  };
  const copied = await best(2 * NUM_COPIES * BUFFER_BYTES, (encoder) => {
    for (let copy = 0; copy < NUM_COPIES; copy++) {
      encoder.copyBufferToBuffer(source, 0, target, 0, BUFFER_BYTES);
    }
  });
  const readOnly = await best(BUFFER_BYTES, read);
  source.destroy();
  target.destroy();
  readback.destroy();
  return Math.max(copied, readOnly);
}

async function recordRead(raw: GPUDevice, source: GPUBuffer, target: GPUBuffer) {
  const pipeline = await raw.createComputePipelineAsync({
    label: "read_all",
    layout: "auto",
    compute: { module: raw.createShaderModule({ code: READ_WGSL }), entryPoint: "read_all" },
  });
  const bindGroup = raw.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [source, target].map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
  return (encoder: GPUCommandEncoder) => {
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindGroup);
    pass.dispatchWorkgroups(BUFFER_BYTES / 16 / LOADS / WORKGROUP_SIZE);
    pass.end();
  };
}
