import assert from "node:assert/strict";
import {
  createRingMemory,
  type RingMemory,
  RingReader,
  RingWriter,
} from "../../../../engine/backends/wgsl/piece_ring.ts";

const MAX_BYTES = 200;

/** So few slots that who fills them has to wait. */
function smallRing(): RingMemory {
  return { ...createRingMemory(MAX_BYTES), numSlots: 3 };
}

/** A thread that fills the ring. */
function fillElsewhere(ring: RingMemory): Worker {
  const url = new URL("../../../support/ring_worker.ts", import.meta.url);
  const worker = new Worker(url, { type: "module" });
  worker.postMessage({ ring, numPieces: MAX_BYTES });
  return worker;
}

Deno.test("RingReader.drain() hands out what another thread puts in, whole and in order, however slow it is", async () => {
  const ring = smallRing();
  const worker = fillElsewhere(ring);
  const reader = new RingReader(ring);
  let numPieces = 0;
  while (!reader.hasEnded) {
    await reader.wait();
    if (numPieces % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    reader.drain(({ bytes, ...header }) => {
      const i = numPieces++;
      assert.deepEqual(header, { tensor: i, part: 1, resource: 2, offset: 2 ** 33 + i });
      assert.deepEqual([...bytes], new Array(i).fill(i));
    });
  }
  assert.equal(numPieces, MAX_BYTES);
  worker.terminate();
});

Deno.test("RingReader.drain() does nothing where nothing is, and goes on behind what it has seen", () => {
  const ring = smallRing();
  const [writer, reader] = [new RingWriter(ring), new RingReader(ring)];
  const seen: number[] = [];
  const drain = () => reader.drain(({ bytes }) => seen.push(bytes[0]!));
  drain();
  for (const value of [5, 6, 7, 8]) {
    writer.allocate(MAX_BYTES).fill(value);
    writer.put({ tensor: 0, part: 0, resource: 0, offset: 0 });
    drain();
    drain();
  }
  assert.deepEqual(seen, [5, 6, 7, 8]);
  assert.equal(reader.hasEnded, false);
});

Deno.test("RingReader.close() lets go of a thread that waits", async () => {
  const ring = smallRing();
  const worker = fillElsewhere(ring);
  const reader = new RingReader(ring);
  await reader.wait();
  const failed = new Promise<string>((resolve) => {
    worker.onmessage = ({ data }: MessageEvent<string>) => resolve(data);
  });
  reader.close();
  assert.match(await failed, /Nobody empties the ring any more/);
  worker.terminate();
});

Deno.test("RingWriter.allocate() refuses a piece that no slot holds", () => {
  const { slotBytes } = createRingMemory(MAX_BYTES);
  assert.throws(
    () => new RingWriter(smallRing()).allocate(slotBytes),
    /exceeds the slots of the ring/,
  );
});
