import assert from "node:assert/strict";
import { StepCommands } from "../../../../engine/backends/wgsl/step_commands.ts";
import type { StepShape } from "../../../../engine/gpu/mod.ts";

const shape = (numTokens: number, numLogits = numTokens): StepShape => ({
  numTokens,
  numLogits,
  contextLength: 256,
});

/** Names command buffers in the order they are encoded. */
function createCommands() {
  const encoded: string[] = [];
  const commands = new StepCommands(({ numTokens, numLogits }) => {
    encoded.push(`${numTokens}/${numLogits}`);
    return { label: `${encoded.length}: ${encoded.at(-1)}` } as GPUCommandBuffer;
  });
  return { commands, encoded };
}

Deno.test("StepCommands.take() hands out what was prepared since, each once", () => {
  const { commands, encoded } = createCommands();
  assert.equal(commands.take(shape(1)).label, "1: 1/1");
  assert.equal(commands.take(shape(1)).label, "2: 1/1"); // nothing was prepared
  commands.prepare();
  commands.prepare();
  assert.equal(encoded.length, 3);
  assert.equal(commands.take(shape(1)).label, "3: 1/1");
  assert.equal(encoded.length, 3);
});

Deno.test("StepCommands.prepare() makes as many as are taken at once", () => {
  const { commands, encoded } = createCommands();
  for (let i = 0; i < 4; i++) commands.take(shape(1), 4);
  commands.prepare();
  assert.equal(encoded.length, 8);
  const labels = Array.from({ length: 4 }, () => commands.take(shape(1), 4).label);
  assert.equal(new Set(labels).size, 4);
  assert.equal(encoded.length, 8);
  commands.take(shape(1));
  commands.prepare();
  commands.prepare();
  assert.equal(encoded.length, 10); // one alone was taken, and one is likely
});

Deno.test("StepCommands.take() tells shapes apart in tokens, rows and context", () => {
  const { commands, encoded } = createCommands();
  const shapes = [shape(2), shape(2, 1), { ...shape(2), contextLength: 512 }];
  for (const one of shapes) commands.take(one);
  commands.prepare();
  for (const one of shapes) commands.take(one);
  assert.deepEqual(encoded, ["2/2", "2/1", "2/2", "2/2", "2/1", "2/2"]);
});

Deno.test("StepCommands.prepare() leaves prompts and shapes out that have not come for long", () => {
  const { commands, encoded } = createCommands();
  commands.take(shape(128, 1));
  for (let numTokens = 1; numTokens <= 9; numTokens++) commands.take(shape(numTokens));
  encoded.length = 0;
  commands.prepare();
  assert.deepEqual(encoded, [2, 3, 4, 5, 6, 7, 8, 9].map((count) => `${count}/${count}`));
  commands.take(shape(1)); // forgotten, and now the newest
  assert.equal(encoded.at(-1), "1/1");
});
