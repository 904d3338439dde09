import assert from "node:assert/strict";
import {
  destroyResources,
  type GpuResource,
  isStackSlot,
  type StackSlot,
} from "../../engine/gpu/mod.ts";
import { type MatrixLayout, SOFTWARE_SET } from "../../engine/ops/mod.ts";
import { createTextures, createVectors } from "../../engine/ops/stacks.ts";
import { type BindingKind, defineKernel } from "../../kernels/kernel.ts";
import { createRandom, randomValues } from "../support/random.ts";
import { device, readWords, toElem, writePlane } from "../support/gpu.ts";

const WIDTH = 4;
const TEXEL_WORDS = 4;

const READ_TEXELS = kernel("read_texels", ["texture_uint", "read_write"], {
  declarations: `
    @group(0) @binding(0) var x: texture_storage_2d<rgba32uint, read>;
    @group(0) @binding(1) var<storage, read_write> y: array<vec4u>;`,
  statement: "y[id.y * textureDimensions(x).x + id.x] = textureLoad(x, id.xy);",
});

const WRITE_TEXELS = kernel("write_texels", ["texture_uint_write"], {
  declarations: "@group(0) @binding(0) var x: texture_storage_2d<rgba32uint, write>;",
  statement: "textureStore(x, id.xy, vec4u(7));",
});

/** Counts as well what is bound: y has a word more than x, for its length. */
const READ_WORDS = kernel("read_words", ["read", "read_write"], {
  declarations: `
    @group(0) @binding(0) var<storage, read> x: array<u32>;
    @group(0) @binding(1) var<storage, read_write> y: array<u32>;`,
  statement: "y[id.x] = x[id.x]; y[arrayLength(&x)] = arrayLength(&x);",
});

function kernel(
  name: string,
  bindings: BindingKind[],
  code: { declarations: string; statement: string },
) {
  const body = `${code.declarations}
    @compute @workgroup_size(1) fn ${name}(@builtin(global_invocation_id) id: vec3u) {
      ${code.statement}
    }`;
  return defineKernel(name, { bindings, body });
}

/** One invocation for each of `size`. */
async function invoke(
  of: ReturnType<typeof kernel>,
  resources: GpuResource[],
  [x, y = 1]: readonly number[],
): Promise<void> {
  const pipeline = await device.pipeline(of, of.name, {});
  await device.guard("test", () => {
    const encoder = device.raw.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, device.bind(of, resources)());
    pass.dispatchWorkgroups(x!, y);
    pass.end();
    device.raw.queue.submit([encoder.finish()]);
  });
}

/** What a kernel finds in a texture that is bound alone. */
async function readTexels(resource: GpuResource): Promise<number[]> {
  const { width, height } = (isStackSlot(resource) ? resource.stack : resource) as GPUTexture;
  const length = TEXEL_WORDS * width * height;
  const y = device.createBuffer("test", 4 * length);
  await invoke(READ_TEXELS, [resource, y], [width, height]);
  return await readWords(y, length);
}

function slot(resource: GpuResource | undefined): StackSlot {
  assert.ok(resource && isStackSlot(resource));
  return resource;
}

/** Where each resource lies: the number of its object, by first appearance, and its index in it. */
function placesOf(resources: readonly GpuResource[]): [object: number, index: number | null][] {
  const objects: unknown[] = [];
  return resources.map((resource) => {
    const [object, index] = isStackSlot(resource)
      ? [resource.stack, resource.index]
      : [resource, null];
    if (!objects.includes(object)) objects.push(object);
    return [objects.indexOf(object), index];
  });
}

function textures(...sizes: [width: number, height: number][]) {
  return createTextures(device, sizes.map((size) => ({ label: "test", size })));
}

Deno.test("createTextures() makes equal ones slots of one texture in their order, and a single one none", () => {
  const all = textures([4, 1], [8, 2], [4, 1], [4, 2], [8, 2], [4, 1]);
  assert.deepEqual(placesOf(all), [[0, 0], [1, 0], [0, 1], [2, null], [1, 1], [0, 2]]);
  assert.equal((slot(all[0]).stack as GPUTexture).depthOrArrayLayers, 3);
  destroyResources(all);
});

Deno.test("createTextures() begins another texture where one has as many layers as it may", () => {
  const limit = device.raw.limits.maxTextureArrayLayers;
  const all = textures(...new Array<[number, number]>(limit + 2).fill([1, 1]));
  const places = placesOf(all);
  assert.deepEqual(places.slice(limit - 1), [[0, limit - 1], [1, 0], [1, 1]]);
  destroyResources(all);
});

Deno.test("createTextures() makes no texture of 2 GiB", async () => {
  const gibibyte: [number, number] = [16384, 4096];
  const all = await device.guard("test", () => textures(gibibyte, gibibyte));
  assert.deepEqual(placesOf(all), [[0, null], [1, null]]);
  destroyResources(all);
});

Deno.test("a texture's slot is written and bound without its neighbours", async () => {
  const all = textures([WIDTH, 2], [WIDTH, 2], [WIDTH, 2]);
  await invoke(WRITE_TEXELS, [all[1]!], [WIDTH, 2]);
  const length = TEXEL_WORDS * WIDTH * 2;
  const written = [0, 7, 0].map((value) => new Array<number>(length).fill(value));
  assert.deepEqual(await Array.fromAsync(all, readTexels), written);
  device.touch(all[1]!);
  written[1]!.fill(0, 0, TEXEL_WORDS);
  assert.deepEqual(await Array.fromAsync(all, readTexels), written);
  destroyResources(all);
});

Deno.test("createVectors() makes equal ones slots of one buffer, which are written and bound alone", async () => {
  const SIZE = 65; // more than a multiple of 256 bytes
  const sizes = new Map([["a", SIZE], ["lone", 4], ["b", SIZE], ["c", SIZE]]);
  const vectors = createVectors(device, sizes);
  assert.deepEqual([...vectors.keys()], [...sizes.keys()]);
  assert.deepEqual(placesOf([...vectors.values()]), [[0, 0], [1, null], [0, 1], [0, 2]]);
  const b = Uint32Array.from({ length: SIZE }, (_, i) => i + 1);
  device.writeBuffer(vectors.get("b")!, b);
  device.writeBuffer(vectors.get("lone")!, Uint32Array.of(5, 6, 7, 8));
  device.writeBuffer(vectors.get("c")!, Uint32Array.of(9), 8);
  const found = await Array.fromAsync(vectors, async ([name, vector]) => {
    const size = sizes.get(name)!;
    const y = device.createBuffer("test", 4 * (size + 1));
    await invoke(READ_WORDS, [vector, y], [size]);
    return await readWords(y, size + 1);
  });
  const zeros = new Array<number>(SIZE).fill(0);
  assert.deepEqual(found[0], [...zeros, SIZE]);
  assert.deepEqual(found[1], [5, 6, 7, 8, 4]);
  assert.deepEqual(found[2], [...b, SIZE]);
  assert.deepEqual(found[3], [...zeros.with(2, 9), SIZE]);
  destroyResources(vectors.values());
});

Deno.test("matrices of a stack hold the same texels as each alone", async (t) => {
  const { matrices } = SOFTWARE_SET;
  for (const elem of ["f16", "f32"] as const) {
    await t.step(elem, async () => {
      const layout: MatrixLayout = { numRows: 70, numCols: 40, format: "dense", elem };
      const other: MatrixLayout = { ...layout, numRows: 1000 };
      const stacked = matrices.createAll(
        device,
        new Map([["0", layout], ["head", other], ["1", layout], ["2", layout]]),
      );
      const names = ["0", "1", "2"];
      const resources = names.map((name) => stacked.get(name)!.parts[0]!.resources[0]!);
      assert.deepEqual(placesOf(resources), [[0, 0], [0, 1], [0, 2]]);
      assert.ok(!isStackSlot(stacked.get("head")!.parts[0]!.resources[0]!));
      const random = createRandom(1);
      for (const [i, name] of names.entries()) {
        const values = randomValues(random, layout.numRows * layout.numCols);
        const alone = matrices.createAll(device, new Map([[name, layout]])).get(name)!;
        writePlane(matrices, { matrix: alone, plane: 0, bytes: toElem(values, elem) });
        writePlane(matrices, {
          matrix: stacked.get(name)!,
          plane: 0,
          bytes: toElem(values, elem),
        });
        const expected = await readTexels(alone.parts[0]!.resources[0]!);
        assert.deepEqual(await readTexels(resources[i]!), expected);
        destroyResources(alone.parts[0]!.resources);
      }
    });
  }
});

Deno.test("createKvCache() keeps keys of all layers in one texture, and values in another", () => {
  const layout = { elem: "f16", blockSize: 16, numBlocks: 2, numKvHeads: 1, headDim: 8 } as const;
  const placesOfLayers = (count: number) => {
    const { layers } = SOFTWARE_SET.createKvCache(device, layout, count);
    return placesOf(layers.flatMap(({ keys, values }) => [keys, values]));
  };
  assert.deepEqual(placesOfLayers(1), [[0, 0], [1, 0]]);
  assert.deepEqual(placesOfLayers(3), [[0, 0], [1, 0], [0, 1], [1, 1], [0, 2], [1, 2]]);
});
