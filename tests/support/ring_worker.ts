/** Fills a ring with pieces of rising sizes: piece i has i bytes of value i. Says why it could not. */
import { type RingMemory, RingWriter } from "../../engine/backends/wgsl/piece_ring.ts";

const scope = self as unknown as DedicatedWorkerGlobalScope;

scope.onmessage = ({ data }: MessageEvent<{ ring: RingMemory; numPieces: number }>) => {
  const writer = new RingWriter(data.ring);
  try {
    for (let i = 0; i < data.numPieces; i++) {
      writer.allocate(i).fill(i);
      writer.put({ tensor: i, part: 1, resource: 2, offset: 2 ** 33 + i });
    }
    writer.end();
  } catch (error) {
    scope.postMessage((error as Error).message);
  }
};
