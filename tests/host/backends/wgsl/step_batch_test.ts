import assert from "node:assert/strict";
import { StepWriter } from "../../../../engine/backends/wgsl/step_batch.ts";
import type { RunnerEntry } from "../../../../engine/runtime/runner.ts";

const LIMITS = {
  maxStepTokens: 64,
  maxSequences: 4,
  maxLogitsRows: 8,
  contextLength: 64,
  numBlocks: 16,
  blockSize: 16,
  vocabSize: 100,
  canShareBlocks: true,
  canRewind: true,
};

/** A sequence of 20 tokens, one that wants the logits of three tokens, and one that decodes. */
const ENTRIES: RunnerEntry[] = [
  {
    sequence: 7,
    tokens: Array.from({ length: 20 }, (_, i) => 50 + i),
    firstPosition: 0,
    blocks: [3, 1],
    numLogits: 1,
  },
  { sequence: 9, tokens: [1, 2, 3, 4], firstPosition: 15, blocks: [0, 2], numLogits: 3 },
  { sequence: 8, tokens: [6], firstPosition: 40, blocks: [4, 5, 6], numLogits: 1 },
];

Deno.test("StepWriter.write() gives each token its id, position, slot and row of the block tables", () => {
  const { shape, tokens, logitsRows, blockTables, numBlocks } = new StepWriter(LIMITS).write(
    ENTRIES,
  );
  assert.deepEqual([shape.numTokens, shape.numLogits], [25, 5]);
  assert.deepEqual([...tokens.subarray(0, 4)], [50, 0, 64, 0]);
  assert.deepEqual([...tokens.subarray(4 * 16, 4 * 17)], [66, 16, 32, 0]);
  assert.deepEqual([...tokens.subarray(4 * 21, 4 * 22)], [2, 16, 48, 1]);
  assert.deepEqual([...tokens.subarray(4 * 24)], [6, 40, 7 * 16 + 8, 2]);
  assert.deepEqual([...logitsRows], [19, 21, 22, 23, 24]);
  assert.deepEqual([...blockTables], [4, 2, 0, 0, 1, 3, 0, 0, 5, 6, 7, 0]);
  assert.equal(numBlocks, 8);
});

Deno.test("StepWriter.write() repeats block tables only where they change", () => {
  const writer = new StepWriter(LIMITS);
  writer.write(ENTRIES);
  assert.equal(writer.write(ENTRIES).blockTables.length, 0);
  const [first, ...others] = ENTRIES as [RunnerEntry, ...RunnerEntry[]];
  assert.ok(writer.write([{ ...first, blocks: [3, 8] }, ...others]).blockTables.length > 0);
});
