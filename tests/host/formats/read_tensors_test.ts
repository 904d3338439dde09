import assert from "node:assert/strict";
import { ModelInvalidError } from "../../../engine/errors.ts";
import { openPackage, readTensors, type ReadTensorsOptions } from "../../../engine/formats/mod.ts";
import { writePackage } from "../../support/mlc_package.ts";
import { createRandom } from "../../support/random.ts";

/** Names and elements in the order in which they come. */
async function readAll(
  dir: string,
  options?: ReadTensorsOptions,
): Promise<[name: string, elements: number[]][]> {
  const all: [string, number[]][] = [];
  for await (const { info, bytes } of readTensors(await openPackage(dir), options)) {
    assert.equal(bytes.byteOffset % 4, 0);
    const View = { f32: Float32Array, f16: Uint16Array, u32: Uint32Array }[info.dtype];
    const numElements = bytes.length / View.BYTES_PER_ELEMENT;
    all.push([info.name, [...new View(bytes.buffer, bytes.byteOffset, numElements)]]);
  }
  return all;
}

Deno.test("readTensors() yields the elements of every storage in file order", async () => {
  assert.deepEqual(await readAll(await writePackage()), [
    ["a", [1, 2, 3, 4, 5, 6]],
    ["b", [1, -2, 3.140625]],
    ["c", [7, 0xfedcba98]],
    ["d", [Math.fround(0.1), -3]],
    ["e", [0, -Infinity]],
  ]);
});

Deno.test("readTensors() finds any flipped bit before it yields a tensor of that shard", async () => {
  const dir = await writePackage();
  const path = `${dir}/params_shard_1.bin`;
  const intact = await Deno.readFile(path);
  for (let bit = 0; bit < intact.length * 8; bit++) {
    const damaged = intact.slice();
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    await Deno.writeFile(path, damaged);
    const names: string[] = [];
    await assert.rejects(
      async () => {
        for await (const { info } of readTensors(await openPackage(dir))) names.push(info.name);
      },
      /params_shard_1\.bin": its MD5 is [0-9a-f]{32}, the index says [0-9a-f]{32}; download the shard again/,
    );
    assert.deepEqual(names, ["a", "b", "c"]);
  }
});

Deno.test("readTensors() skips the checksum when it is not asked to verify", async () => {
  const dir = await writePackage(({ index }) => index.records[0]!.md5sum = "0".repeat(32));
  assert.equal((await readAll(dir, { verify: false })).length, 5);
});

Deno.test("readTensors() reads a package without checksums", async () => {
  const dir = await writePackage(({ index }) => {
    for (const shard of index.records) Object.assign(shard, { md5sum: undefined });
  });
  assert.equal((await readAll(dir)).length, 5);
});

Deno.test("readTensors() accepts a checksum in capitals", async () => {
  const dir = await writePackage(({ index }) => {
    for (const shard of index.records) shard.md5sum = shard.md5sum.toUpperCase();
  });
  assert.equal((await readAll(dir)).length, 5);
});

Deno.test("readTensors() reads the same beside a worker that checks", async () => {
  const dir = await writePackage();
  assert.deepEqual(await readAll(dir, { minParallelBytes: 0 }), await readAll(dir));
});

Deno.test("readTensors() reads a package of which a worker checks some shards", async () => {
  const dir = await writePackage(({ index }) => {
    Object.assign(index.records[0]!, { md5sum: undefined });
  });
  assert.equal((await readAll(dir, { minParallelBytes: 0 })).length, 5);
});

for (const shard of [0, 1]) {
  Deno.test(`readTensors() fails at the end where a worker finds shard ${shard} damaged`, async () => {
    const dir = await writePackage();
    const path = `${dir}/params_shard_${shard}.bin`;
    const intact = await Deno.readFile(path);
    for (const bit of [0, 8 * intact.length - 1]) {
      const damaged = intact.slice();
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      await Deno.writeFile(path, damaged);
      await assert.rejects(
        readAll(dir, { minParallelBytes: 0 }),
        (error) =>
          error instanceof ModelInvalidError && error.message.includes(`"${path}": its MD5 is`),
      );
    }
  });
}

Deno.test("readTensors() reads files that cannot tell their state while open, as those of a compiled program", async () => {
  const { statSync } = Deno.FsFile.prototype;
  Deno.FsFile.prototype.statSync = () => {
    throw new Deno.errors.NotSupported("The operation is not supported");
  };
  try {
    assert.equal((await readAll(await writePackage())).length, 5);
  } finally {
    Deno.FsFile.prototype.statSync = statSync;
  }
});

Deno.test("readTensors() finds a shard that changes between its worker's reading and its own", async () => {
  const dir = await writePackage();
  const path = `${dir}/params_shard_1.bin`;
  const tensors = readTensors(await openPackage(dir), { minParallelBytes: 0 });
  await tensors.next();
  await new Promise((resolve) => setTimeout(resolve, 500)); // the worker is done with its few bytes
  const damaged = await Deno.readFile(path);
  damaged[0]! ^= 1;
  await Deno.writeFile(path, damaged);
  await assert.rejects(
    async () => {
      for await (const _ of tensors);
    },
    (error) =>
      error instanceof ModelInvalidError && /(was changed while|its MD5 is)/.test(error.message) &&
      error.message.includes(path),
  );
});

for (
  const [change, minParallelBytes] of [
    ["cut", Infinity],
    ["cut", 0],
    ["removed", Infinity],
    ["removed", 0],
  ] as const
) {
  const where = minParallelBytes === 0 ? "beside a worker" : "alone";
  Deno.test(`readTensors() ${where} names a shard that was ${change} after the package was opened`, async () => {
    const dir = await writePackage();
    const pkg = await openPackage(dir);
    const path = `${dir}/params_shard_0.bin`;
    await (change === "cut" ? Deno.truncate(path, 10) : Deno.remove(path));
    await assert.rejects(
      readTensors(pkg, { minParallelBytes }).next(),
      (error) => error instanceof ModelInvalidError && error.message.includes(path),
    );
  });
}

Deno.test("openPackage() answers every damaged index with ModelInvalidError or a package", async () => {
  const seed = 1;
  const random = createRandom(seed);
  const dir = await writePackage();
  const path = `${dir}/tensor-cache.json`;
  const intact = await Deno.readFile(path);
  for (let round = 0; round < 500; round++) {
    const damaged = intact.slice();
    for (let i = 0; i <= random() * 3; i++) {
      damaged[Math.floor(random() * damaged.length)] = Math.floor(random() * 256);
    }
    await Deno.writeFile(path, damaged);
    try {
      await readAll(dir);
    } catch (error) {
      assert(
        error instanceof ModelInvalidError,
        `seed ${seed}, round ${round}: ${(error as Error).stack}`,
      );
    }
  }
});
