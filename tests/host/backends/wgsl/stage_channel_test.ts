import assert from "node:assert/strict";
import { type Piece, StageChannel } from "../../../../engine/backends/wgsl/stage_channel.ts";
import { shapeOf } from "../../../../engine/backends/wgsl/step_batch.ts";

const SIZES = { maxTokens: 4, maxTableWords: 6, maxLogitsRows: 4, hiddenSize: 2, vocabSize: 3 };

function createSides(): [poster: StageChannel, taker: StageChannel] {
  const poster = new StageChannel(SIZES);
  return [poster, new StageChannel(SIZES, poster.memory)];
}

/** A piece of tokens at positions 0 and following, of which the last ones want logits. */
function createPiece(token: number, numTokens: number, numLogits: number): Piece {
  const tokens = Uint32Array.from(
    { length: 4 * numTokens },
    (_, word) => [token, word >> 2, word >> 2, 0][word % 4]!,
  );
  return {
    batch: {
      shape: shapeOf(tokens, numLogits),
      tokens,
      logitsRows: Uint32Array.from({ length: numLogits }, (_, i) => numTokens - numLogits + i),
      blockTables: Uint32Array.of(5, 6),
    },
    hidden: Float32Array.from({ length: 2 * numTokens }, (_, i) => token + i),
  };
}

/** Logits that tell their rows apart. */
function logitsOf(row: number, numRows: number): Float32Array {
  return Float32Array.from(
    { length: 3 * numRows },
    (_, i) => 10 * (row + Math.floor(i / 3)) + i % 3,
  );
}

Deno.test("StageChannel.take() gives what was posted, in order and as a copy", () => {
  const [poster, taker] = createSides();
  const pieces = [createPiece(7, 3, 1), createPiece(8, 1, 0)];
  for (const piece of pieces) poster.post(piece);
  const taken = [taker.take(), taker.take(), taker.take()];
  poster.post(createPiece(9, 4, 2));
  assert.deepEqual(taken, [...pieces, null]);
});

Deno.test("StageChannel.takeLogits() gives the rows of two steps in order, around the ring", () => {
  const [poster, taker] = createSides();
  for (let round = 0; round < 5; round++) {
    const first = poster.numRowsPosted;
    assert.ok(poster.hasRoom(2));
    poster.post(createPiece(1, 3, 2));
    poster.post(createPiece(2, 2, 1));
    taker.take();
    taker.finish(logitsOf(first, 2));
    assert.ok(poster.canTakeLogits(first, first + 2));
    assert.ok(!poster.canTakeLogits(first + 2, first + 3));
    taker.take();
    taker.finish(logitsOf(first + 2, 1));
    assert.ok(!poster.canTakeLogits(first + 2, first + 3), "those before it were not taken");
    assert.deepEqual(poster.takeLogits(first, first + 2), logitsOf(first, 2));
    assert.ok(poster.canTakeLogits(first + 2, first + 3));
    assert.deepEqual(poster.takeLogits(first + 2, first + 3), logitsOf(first + 2, 1));
  }
});

Deno.test("StageChannel.hasRoom() keeps logits that were not taken, and pieces that were not finished", () => {
  const [poster, taker] = createSides();
  poster.post(createPiece(1, 4, 3));
  assert.ok(poster.hasRoom(1) && !poster.hasRoom(2));
  taker.take();
  taker.finish(logitsOf(0, 3));
  assert.ok(!poster.hasRoom(2));
  poster.takeLogits(0, 3);
  assert.ok(poster.hasRoom(4));
  let numPosted = 0;
  for (; poster.hasRoom(0); numPosted++) poster.post(createPiece(1, 1, 0));
  assert.equal(numPosted, 8);
  taker.take();
  taker.finish(new Float32Array(0));
  assert.ok(poster.hasRoom(0));
});

Deno.test("StageChannel.waitForNews() hears of what the other side finished, and gives up in time", async () => {
  const alive = setTimeout(() => {}, 60_000); // as a worker keeps the runtime
  const [poster, taker] = createSides();
  const { news } = poster;
  assert.equal(await poster.waitForNews(news, 5), false);
  const heard = poster.waitForNews(news, 60_000);
  poster.post(createPiece(1, 1, 1));
  taker.take();
  taker.finish(logitsOf(0, 1));
  assert.equal(await heard, true);
  assert.equal(await poster.waitForNews(news, 60_000), true); // it has come already
  clearTimeout(alive);
});
