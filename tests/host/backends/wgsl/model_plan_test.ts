import assert from "node:assert/strict";
import { type ModelPlan, planModel } from "../../../../engine/backends/wgsl/mod.ts";
import { openPackage } from "../../../../engine/formats/mod.ts";
import { SIZES } from "../../../reference/architectures.ts";
import { writeRandomModel } from "../../../support/random_model.ts";

const SOFTWARE = { kind: "software", maxBindingBytes: 128 << 20 } as const;

async function plans(hasHead: boolean): Promise<[whole: ModelPlan, pipelined: ModelPlan]> {
  const dir = await writeRandomModel({ architecture: "llama", quantization: "q4f16_1", hasHead });
  const pkg = await openPackage(dir);
  return [planModel(pkg, SOFTWARE), planModel(pkg, SOFTWARE, { numStages: 2 })];
}

/** Of the norm that both stages have. */
const NORM_BYTES = 4 * SIZES.hidden_size;

Deno.test("planModel() gives each of two stages its layers, and no other stage's tensors", async () => {
  const [whole, { stages }] = await plans(true);
  assert.deepEqual(stages.map(({ layers }) => layers), [
    { first: 0, end: 2 },
    { first: 2, end: 3 },
  ]);
  const names = stages.map(({ matrices }) => new Set(matrices.keys()));
  assert.deepEqual([...names[0]!.intersection(names[1]!)], ["lm_head"]);
  assert.deepEqual(names[0]!.union(names[1]!), new Set(whole.matrices.keys()));
});

Deno.test("planModel() counts no weight twice for a model with a head of its own", async () => {
  const [whole, pipelined] = await plans(true);
  assert.equal(pipelined.memory.weightsBytes, whole.memory.weightsBytes + NORM_BYTES);
  assert.equal(pipelined.memory.kvBytes, whole.memory.kvBytes);
});

Deno.test("planModel() counts the second stage's rows of a tied head once more", async () => {
  const [whole, pipelined] = await plans(false);
  const [name, layout] = [...pipelined.stages[1]!.matrices].find(([, { ranges }]) => ranges)!;
  assert.equal(name, "model.embed_tokens");
  const bytes = whole.kernelSet.matrices.computeBytes(layout);
  const all = whole.kernelSet.matrices.computeBytes(whole.matrices.get(name)!);
  assert.ok(bytes < all, `${bytes} of ${all}`);
  assert.equal(pipelined.memory.weightsBytes, whole.memory.weightsBytes + NORM_BYTES + bytes);
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
