import assert from "node:assert/strict";
import { Dispatcher } from "../../engine/backends/web_llm/dispatch.ts";
import { mendRace } from "../../engine/backends/web_llm/mend_race.ts";
import { assertClose } from "../support/assert_close.ts";
import { driveFakeTvm, FakeTvmContext } from "../support/fake_tvm.ts";
import { device } from "../support/gpu.ts";
import { createRandom, randomValues } from "../support/random.ts";

const NAME = "merge_state_inplace_kernel";

/** In the compiler's form: 16 invocations a row of 64, all of which read S and write it. */
const CODE = `
@group(0) @binding(0) var<storage, read_write> S : array<f32>;
@group(0) @binding(1) var<storage, read> S_other : array<f32>;
@group(0) @binding(2) var<storage, read_write> V : array<f32>;
@group(0) @binding(3) var<storage, read> V_other : array<f32>;
struct PODArgs { H: i32, packGridDimX: u32 }
@group(0) @binding(4) var<uniform> podArgs : PODArgs;
@compute @workgroup_size(16, 3, 1)
fn ${NAME}(
  @builtin(workgroup_id) blockIdx : vec3<u32>,
  @builtin(num_workgroups) gridDim : vec3<u32>,
  @builtin(local_invocation_id) threadIdx : vec3<u32>
) {
  if (blockIdx.z * gridDim.x + blockIdx.x > podArgs.packGridDimX) { return; }
  let v__1 : i32 = i32(blockIdx.z * gridDim.x + blockIdx.x);
  let row : i32 = (v__1 * podArgs.H) + i32(threadIdx.y);
  let largest : f32 = max(S[row], S_other[row]);
  let own : f32 = exp2(S[row] - largest);
  let other : f32 = exp2(S_other[row] - largest);
  for (var i : i32 = 0; i < 4i; i++) {
    let at : i32 = row * 64i + i32(threadIdx.x) * 4i + i;
    V[at] = (V[at] * own + V_other[at] * other) / (own + other);
  }
  S[((v__1 * podArgs.H) + i32(threadIdx.y))] = log2(own + other) + largest;
}
`;

Deno.test("mendRace() gives all invocations of a row the scale from before", async () => {
  const [numTokens, numHeads, size] = [5, 3, 64];
  const random = createRandom(4);
  const context = new FakeTvmContext(device.raw);
  new Dispatcher(context, mendRace);
  const { upload, kernel, read } = driveFakeTvm(context);
  const values = [
    randomValues(random, numTokens * numHeads, 3),
    randomValues(random, numTokens * numHeads, 3),
    randomValues(random, numTokens * numHeads * size),
    randomValues(random, numTokens * numHeads * size),
  ];
  const [s, sOther, v, vOther] = values.map((data) => upload(data));
  const merge = kernel({
    name: NAME,
    arg_types: ["handle", "handle", "handle", "handle", "int32"],
    launch_param_tags: [
      "blockIdx.x",
      "threadIdx.x",
      "threadIdx.y",
      "paramWriteAccess:[1,0,1,0]",
    ],
  }, CODE);
  merge(s!, sOther!, v!, vOther!, numHeads, numTokens, 16, 3);
  const scales: number[] = [];
  const merged: number[] = [];
  for (let row = 0; row < numTokens * numHeads; row++) {
    const [own, other] = [2 ** values[0]![row]!, 2 ** values[1]![row]!];
    scales.push(Math.log2(own + other));
    for (let at = row * size; at < (row + 1) * size; at++) {
      merged.push((values[2]![at]! * own + values[3]![at]! * other) / (own + other));
    }
  }
  // f32 exponentials and one division.
  assertClose(new Float32Array(await read(v!)), merged, { atol: 2e-6, rtol: 2e-6 });
  assertClose(new Float32Array(await read(s!)), scales, { atol: 2e-6, rtol: 2e-6 });
});

Deno.test("mendRace() keeps other kernels, one with a barrier, and one that it cannot read", () => {
  assert.equal(mendRace("fused_rope_kernel", CODE), null);
  assert.equal(mendRace(NAME, mendRace(NAME, CODE)!.code), null);
  assert.equal(mendRace(NAME, CODE.replaceAll("S[", "scale[")), null);
});

Deno.test("mendRace() dispatches as before", () => {
  assert.deepEqual(mendRace(NAME, CODE)!.workgroups([7, 2, 3]), [7, 2, 3]);
});
