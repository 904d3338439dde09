/**
 * Bodies that are served, with everything that can go wrong on the way.
 *
 * @module
 */
import type { Fault } from "./local_hub.ts";

/** Bytes `start` to `end` of a file, `end` excluded. */
export interface ServedRange {
  start: number;
  end: number;
  isPartial: boolean;
}

const CHUNK_BYTES = 16 * 1024;

/**
 * Streams a range of a file.
 *
 * @param closed ends what stalls
 * @param onServed is told of each chunk
 */
export function bodyOf(
  path: string,
  range: ServedRange,
  fault: Fault,
  closed: AbortSignal,
  onServed: (numBytes: number) => void,
): ReadableStream<Uint8Array> {
  const file = Deno.openSync(path, { read: true });
  file.seekSync(range.start, Deno.SeekMode.Start);
  const { cutAfter = Infinity, stallAfter = Infinity, bytesPerSecond } = fault;
  let served = 0;
  let isCancelled = false;
  return new ReadableStream({
    async pull(controller) {
      const left = range.end - range.start - served;
      if (left === 0 || served >= cutAfter) {
        file.close();
        return controller.close();
      }
      if (served >= stallAfter) {
        await aborted(closed);
        if (!isCancelled) controller.close();
        return;
      }
      const numWanted = Math.min(CHUNK_BYTES, left, cutAfter - served, stallAfter - served);
      const chunk = new Uint8Array(numWanted);
      const numBytes = file.readSync(chunk) ?? 0;
      spoil(chunk, range.start + served, fault.wrongByteAt);
      if (bytesPerSecond !== undefined) await sleep(numBytes / bytesPerSecond * 1000);
      if (isCancelled) return;
      served += numBytes;
      onServed(numBytes);
      controller.enqueue(chunk.subarray(0, numBytes));
    },
    cancel() {
      isCancelled = true;
      file.close();
    },
  }, { highWaterMark: 0 });
}

function spoil(chunk: Uint8Array, offset: number, wrongByteAt = -1): void {
  const index = wrongByteAt - offset;
  if (index >= 0 && index < chunk.length) chunk[index]! ^= 0x01;
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true })
  );
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
