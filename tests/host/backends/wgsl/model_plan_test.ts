import assert from "node:assert/strict";
import { type ModelPlan, planModel } from "../../../../engine/backends/wgsl/mod.ts";
import { openPackage } from "../../../../engine/formats/mod.ts";
import { writeRandomModel } from "../../../support/random_model.ts";

const SOFTWARE = { kind: "software", maxBindingBytes: 128 << 20 } as const;

async function plans(hasHead: boolean): Promise<[whole: ModelPlan, pipelined: ModelPlan]> {
  const dir = await writeRandomModel({ architecture: "llama", quantization: "q4f16_1", hasHead });
  const pkg = await openPackage(dir);
  return [planModel(pkg, SOFTWARE), planModel(pkg, SOFTWARE, { numStages: 2 })];
}

Deno.test("planModel() gives each of two stages its layers, and no other stage's tensors", async () => {
  const [whole, { stages }] = await plans(true);
  assert.deepEqual(stages.map(({ layers }) => layers), [
    { first: 0, end: 2 },
    { first: 2, end: 3 },
  ]);
  const names = stages.map(({ matrices }) => new Set(matrices.keys()));
  assert.deepEqual([...names[0]!.intersection(names[1]!)], []);
  assert.ok(names[1]!.has("lm_head"));
  assert.deepEqual(names[0]!.union(names[1]!), new Set(whole.matrices.keys()));
});

Deno.test("planModel() counts no weight twice for a model with a head of its own", async () => {
  const [whole, pipelined] = await plans(true);
  assert.equal(pipelined.memory.weightsBytes, whole.memory.weightsBytes);
  assert.equal(pipelined.memory.kvBytes, whole.memory.kvBytes);
});

Deno.test("planModel() counts a tied head twice, which both stages hold", async () => {
  const [whole, pipelined] = await plans(false);
  const layout = whole.matrices.get("model.embed_tokens")!;
  const bytes = whole.kernelSet.matrices.computeBytes(layout);
  assert.equal(pipelined.memory.weightsBytes, whole.memory.weightsBytes + bytes);
});

Deno.test("planModel() leaves a graphics card one stage", async () => {
  const dir = await writeRandomModel({
    architecture: "llama",
    quantization: "q4f16_1",
    hasHead: true,
  });
  const gpu = { kind: "gpu", maxBindingBytes: 1 << 30 } as const;
  assert.equal(planModel(await openPackage(dir), gpu, { numStages: 2 }).stages.length, 1);
});
