import assert from "node:assert/strict";
import { BufferPool } from "../../../../engine/backends/web_llm/buffer_pool.ts";

const buffer = (size: number) => ({ size }) as GPUBuffer;

Deno.test("BufferPool.take() finds a buffer of exactly the size, once", () => {
  const pool = new BufferPool();
  const [small, large] = [buffer(4), buffer(8)];
  for (const one of [small, large]) assert.deepEqual(pool.give(one), []);
  assert.equal(pool.take(8), large);
  assert.equal(pool.take(8), undefined);
  assert.equal(pool.take(6), undefined);
  assert.equal(pool.take(4), small);
});

Deno.test("BufferPool.give() hands the sizes that were given back longest ago over when it is full", () => {
  const pool = new BufferPool(20);
  const old = buffer(8);
  pool.give(old);
  for (let i = 0; i < 5; i++) { // a step's own buffers come and go
    pool.give(buffer(10));
    assert.ok(pool.take(10));
  }
  pool.give(buffer(10));
  assert.deepEqual(pool.give(buffer(4)), [old]);
  assert.ok(pool.take(10));
  assert.ok(pool.take(4));
});

Deno.test("BufferPool.give() keeps nothing larger than all it may hold", () => {
  const pool = new BufferPool(20);
  const huge = buffer(21);
  assert.deepEqual(pool.give(huge), [huge]);
  assert.equal(pool.take(21), undefined);
});
