import assert from "node:assert/strict";
import { planModel } from "../../../../engine/backends/wgsl/mod.ts";
import {
  type ModelPackage,
  openPackage,
  SUPPORTED_MODEL_TYPES,
} from "../../../../engine/formats/mod.ts";
import { findArchitecture } from "../../../../engine/models/mod.ts";
import { writeRandomModel } from "../../../support/random_model.ts";

const SOFTWARE = { kind: "software", minSubgroupSize: 8, maxBindingBytes: 1 << 30 } as const;
const GPU = { kind: "gpu", minSubgroupSize: 32, maxBindingBytes: 1 << 30 } as const;

/** A package that claims so many rows of its embedding, whatever its files hold: no plan reads them. */
async function openClaim(vocabSize: number): Promise<ModelPackage> {
  const dir = await writeRandomModel({
    architecture: "llama",
    quantization: "q0f32",
    hasHead: false,
  });
  const pkg = await openPackage(dir);
  const name = "model.embed_tokens.weight";
  const embedding = pkg.tensors.get(name)!;
  const shape = [vocabSize, embedding.shape[1]!];
  return {
    ...pkg,
    config: { ...pkg.config, vocab_size: vocabSize },
    tensors: new Map([...pkg.tensors, [name, { ...embedding, shape }]]),
  };
}

Deno.test("planModel() fuses the layers of models that run on the driver's pool, on software adapters alone", async () => {
  const small = await openClaim(1000);
  const large = await openClaim(1_000_000);
  assert.equal(planModel(small, SOFTWARE).fusesLayers, false);
  assert.equal(planModel(large, SOFTWARE).fusesLayers, true);
  assert.equal(planModel(large, GPU).fusesLayers, false);
  assert.equal(planModel(small, SOFTWARE, { fusesLayers: true }).fusesLayers, true);
});

Deno.test("planModel() takes the software set only where subgroups have four lanes or more", async () => {
  const pkg = await openClaim(1000);
  const setFor = (minSubgroupSize: number) =>
    planModel(pkg, { ...SOFTWARE, minSubgroupSize }).kernelSet.name;
  assert.deepEqual([0, 2, 4, 8, 16].map(setFor), [
    "gpu",
    "gpu",
    "software",
    "software",
    "software",
  ]);
});

Deno.test("findArchitecture() knows just the types that listings call supported", () => {
  for (const type of SUPPORTED_MODEL_TYPES) assert.ok(findArchitecture(type));
  assert.throws(() => findArchitecture("mixtral"), (error: Error) => {
    const [, known] = /"mixtral"; (.*) can be run$/.exec(error.message)!;
    assert.deepEqual(new Set(known!.split(", ")), SUPPORTED_MODEL_TYPES);
    return true;
  });
});
