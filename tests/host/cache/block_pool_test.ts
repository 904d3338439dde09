import assert from "node:assert/strict";
import { BlockPool, BlockTable } from "../../../engine/cache/mod.ts";

const tokens = (...values: number[]) => values;

/** A table with `values` computed. */
function compute(pool: BlockPool, values: number[]): BlockTable {
  const table = new BlockTable();
  pool.adopt(table, values);
  assert.equal(pool.grow(table, values.length), true);
  pool.remember(table, values, values.length);
  return table;
}

Deno.test("BlockPool.grow() fills a table up with the blocks that were free longest", () => {
  const pool = new BlockPool(4, 16);
  const table = new BlockTable();
  assert.equal(pool.grow(table, 17), true);
  assert.deepEqual(table.blocks, [0, 1]);
  assert.equal(pool.grow(table, 32), true);
  assert.deepEqual(table.blocks, [0, 1]);
  assert.equal(pool.grow(table, 33), true);
  assert.deepEqual(table.blocks, [0, 1, 2]);
  assert.equal(pool.numFree, 1);
});

Deno.test("BlockPool.grow() takes nothing when too few blocks are free", () => {
  const pool = new BlockPool(2, 16);
  const table = new BlockTable();
  assert.equal(pool.grow(table, 33), false);
  assert.deepEqual(table.blocks, []);
  assert.equal(pool.numFree, 2);
});

Deno.test("BlockPool.release() empties the table; its last block is overwritten first", () => {
  const pool = new BlockPool(3, 16);
  const table = new BlockTable();
  pool.grow(table, 40);
  pool.release(table);
  assert.deepEqual(table.blocks, []);
  assert.equal(pool.numFree, 3);
  pool.grow(table, 20);
  assert.deepEqual(table.blocks, [2, 1]);
});

Deno.test("BlockPool.adopt() finds the full blocks of a prefix, held or free, and leaves one token", () => {
  const pool = new BlockPool(8, 2);
  const first = compute(pool, tokens(1, 2, 3, 4, 5));
  const held = new BlockTable();
  assert.equal(pool.adopt(held, tokens(1, 2, 3, 4, 9)), 4);
  assert.deepEqual(held.blocks, first.blocks.slice(0, 2));
  pool.release(first);
  pool.release(held);
  assert.equal(pool.numFree, 8);
  const free = new BlockTable();
  assert.equal(pool.adopt(free, tokens(1, 2, 3, 4)), 2);
  assert.equal(pool.numFree, 7);
});

Deno.test("BlockPool.adopt() takes a block only behind the prefix that it was computed behind", () => {
  const pool = new BlockPool(8, 2);
  compute(pool, tokens(1, 2, 3, 4, 5));
  const table = new BlockTable();
  assert.equal(pool.adopt(table, tokens(3, 4, 5)), 0);
  assert.equal(pool.adopt(table, tokens(9, 2, 3, 4, 5)), 0);
});

Deno.test("BlockPool.adopt() never finds a block that was overwritten, nor what came behind it", () => {
  const pool = new BlockPool(3, 2);
  pool.release(compute(pool, tokens(1, 2, 3, 4, 5)));
  pool.release(compute(pool, tokens(7, 7, 7, 7, 7, 7))); // overwrites all
  const table = new BlockTable();
  assert.equal(pool.adopt(table, tokens(1, 2, 3, 4, 5)), 0);
  assert.equal(pool.adopt(table, tokens(7, 7, 7, 7, 7)), 4);
});

Deno.test("BlockPool.remember() keeps the block that came first where two hold the same tokens", () => {
  const pool = new BlockPool(6, 2);
  const [a, b] = [new BlockTable(), new BlockTable()];
  for (const table of [a, b]) pool.grow(table, 3);
  for (const table of [a, b]) pool.remember(table, tokens(1, 2, 3), 3);
  pool.release(b);
  const found = new BlockTable();
  pool.adopt(found, tokens(1, 2, 3));
  assert.deepEqual(found.blocks, [a.blocks[0]]);
});

Deno.test("BlockPool.adopt() never mixes blocks that were not computed behind each other", () => {
  const pool = new BlockPool(6, 2);
  const [a, b] = [new BlockTable(), new BlockTable()];
  for (const table of [a, b]) pool.grow(table, 5);
  pool.remember(a, tokens(1, 2, 3, 4, 5), 2);
  pool.remember(b, tokens(1, 2, 3, 4, 5), 4); // its first block has a's tokens
  const found = new BlockTable();
  assert.equal(pool.adopt(found, tokens(1, 2, 3, 4, 5)), 2);
  assert.deepEqual(found.blocks, [a.blocks[0]]);
});

Deno.test("BlockPool.remember() enters a block once the other one with its tokens is overwritten", () => {
  const pool = new BlockPool(4, 2);
  const [a, b] = [new BlockTable(), new BlockTable()];
  for (const table of [a, b]) pool.grow(table, 3);
  for (const table of [a, b]) pool.remember(table, tokens(1, 2, 3), 3);
  pool.release(a);
  pool.grow(new BlockTable(), 3); // overwrites a's
  pool.remember(b, tokens(1, 2, 3), 3);
  const found = new BlockTable();
  assert.equal(pool.adopt(found, tokens(1, 2, 3)), 2);
  assert.deepEqual(found.blocks, [b.blocks[0]]);
});
