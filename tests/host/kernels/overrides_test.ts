import assert from "node:assert/strict";
import { fixOverrides } from "../../../kernels/mod.ts";

const SOURCE = `override K: u32; // along a row
override SCALE: f32 = 0.5;
override IS_LAST: bool = false;
fn f() -> f32 { return f32(K) * SCALE; }`;

Deno.test("fixOverrides() makes constants of overrides, with their defaults where they have no value", () => {
  assert.equal(
    fixOverrides(SOURCE, { K: 7, IS_LAST: true }),
    `const K: u32 = u32(7); // along a row
const SCALE: f32 = 0.5;
const IS_LAST: bool = true;
fn f() -> f32 { return f32(K) * SCALE; }`,
  );
  assert.match(fixOverrides(SOURCE, { K: 7, SCALE: -1e-9, IS_LAST: 0 }), /f32\(-1e-9\)/);
});

Deno.test("fixOverrides() refuses an override without a value, and a value without an override", () => {
  assert.throws(() => fixOverrides(SOURCE, { SCALE: 1 }), /K has no value/);
  assert.throws(() => fixOverrides(SOURCE, { K: 1, SPEED: 3 }), /no override SPEED/);
});
