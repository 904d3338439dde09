import assert from "node:assert/strict";
import { BlockPool } from "../../../engine/cache/mod.ts";

Deno.test("BlockPool.grow() hands out the lowest blocks first and fills a table up", () => {
  const pool = new BlockPool(4, 16);
  const blocks: number[] = [];
  assert.equal(pool.grow(blocks, 17), true);
  assert.deepEqual(blocks, [0, 1]);
  assert.equal(pool.grow(blocks, 32), true);
  assert.deepEqual(blocks, [0, 1]);
  assert.equal(pool.grow(blocks, 33), true);
  assert.deepEqual(blocks, [0, 1, 2]);
  assert.equal(pool.numFree, 1);
});

Deno.test("BlockPool.grow() takes nothing when too few blocks are free", () => {
  const pool = new BlockPool(2, 16);
  const blocks: number[] = [];
  assert.equal(pool.grow(blocks, 33), false);
  assert.deepEqual(blocks, []);
  assert.equal(pool.numFree, 2);
});

Deno.test("BlockPool.release() empties the table and gives the same blocks again, the first one first", () => {
  const pool = new BlockPool(3, 16);
  const blocks: number[] = [];
  pool.grow(blocks, 40);
  pool.release(blocks);
  assert.deepEqual(blocks, []);
  assert.equal(pool.numFree, 3);
  pool.grow(blocks, 20);
  assert.deepEqual(blocks, [0, 1]);
});
