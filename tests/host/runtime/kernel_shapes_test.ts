import assert from "node:assert/strict";
import { KernelShapeFile } from "../../../engine/runtime/kernel_shapes.ts";
import { makeTestDir } from "../../support/test_dir.ts";

const ON = { adapter: "made-up adapter", kernelsVersion: 7 };

Deno.test("KernelShapeFile keeps times by adapter and version, and adds to those of a kernel", async () => {
  const dir = `${makeTestDir()}/not/there/yet`;
  const file = new KernelShapeFile(dir);
  assert.deepEqual(await file.read(ON), new Map());
  await file.record(ON, new Map([["a", { "4 x 2": 1, "1 x 1": 3 }], ["b", { "4 x 2": 2 }]]));
  await file.record(ON, new Map([["a", { "4 x 2": 1.5, "2 x 2": 2 }]]));
  await file.record({ ...ON, adapter: "another" }, new Map([["a", { "4 x 2": 9 }]]));
  await file.record({ ...ON, kernelsVersion: 8 }, new Map([["a", { "4 x 2": 8 }]]));
  const again = new KernelShapeFile(dir);
  assert.deepEqual(
    await again.read(ON),
    new Map([["b", { "4 x 2": 2 }], ["a", { "4 x 2": 1.5, "1 x 1": 3, "2 x 2": 2 }]]),
  );
  assert.deepEqual(
    await again.read({ ...ON, adapter: "another" }),
    new Map([["a", { "4 x 2": 9 }]]),
  );
  assert.deepEqual([...file.remarks, ...again.remarks], []);
  assert.deepEqual([...Deno.readDirSync(dir)].map(({ name }) => name), ["kernel_shapes.json"]);
});

const FOREIGN: Record<string, [text: string, remark: RegExp]> = {
  "that is cut off": ['{"version": 1, "kernels": [', /JSON/],
  "of another version": ['{"version": 2, "kernels": []}', /of version 2/],
  "of something else": ["[1, 2]", /damaged/],
  "with a time below zero": [
    JSON.stringify({ version: 1, kernels: [{ ...ON, kernel: "a", times: { "4 x 2": -1 } }] }),
    /damaged/,
  ],
  "with a time that is text": [
    JSON.stringify({ version: 1, kernels: [{ ...ON, kernel: "a", times: { "4 x 2": "1" } }] }),
    /damaged/,
  ],
  "that is too long": [" ".repeat((1 << 20) + 1), /bytes/],
};

for (const [what, [text, remark]] of Object.entries(FOREIGN)) {
  Deno.test(`KernelShapeFile ignores a file ${what}, says so, and replaces it`, async () => {
    const dir = makeTestDir();
    await Deno.writeTextFile(`${dir}/kernel_shapes.json`, text);
    const file = new KernelShapeFile(dir);
    assert.deepEqual(await file.read(ON), new Map());
    assert.equal(file.remarks.length, 1);
    assert.match(file.remarks[0]!, /^Kernels are timed anew: cannot use .*kernel_shapes\.json/);
    assert.match(file.remarks[0]!, remark);
    await file.record(ON, new Map([["a", { "4 x 2": 1 }]]));
    assert.deepEqual(await new KernelShapeFile(dir).read(ON), new Map([["a", { "4 x 2": 1 }]]));
  });
}

Deno.test("KernelShapeFile.record() says why it could not write, and throws nothing", async () => {
  const dir = makeTestDir();
  await Deno.writeTextFile(`${dir}/file`, "");
  const file = new KernelShapeFile(`${dir}/file`);
  await file.record(ON, new Map([["a", { "4 x 2": 1 }]]));
  assert.match(file.remarks[0]!, /^Kernels were timed, but that could not be kept/);
});

Deno.test("KernelShapeFile keeps the kernels that were measured last", async () => {
  const file = new KernelShapeFile(makeTestDir());
  const times = (first: number, count: number) =>
    new Map(Array.from({ length: count }, (_, i) => [`kernel ${first + i}`, { "4 x 2": 1 }]));
  await file.record(ON, times(0, 500));
  await file.record(ON, times(500, 20));
  const kept = [...(await file.read(ON)).keys()];
  assert.equal(kept.length, 512);
  assert.equal(kept[0], "kernel 8");
});
