/**
 * Entry of the worker that reads and packs weights while kernels are compiled.
 *
 * @module
 */
import { toErrorRecord } from "../../errors.ts";
import { kernelSetOf } from "../../ops/mod.ts";
import { packTensors, type PackWorkerReply, type PackWorkerRequest } from "./pack_tensors.ts";
import { RingWriter } from "./piece_ring.ts";

const scope = self as unknown as DedicatedWorkerGlobalScope;

async function pack({ kernelSet, ring, ...request }: PackWorkerRequest): Promise<PackWorkerReply> {
  const { matrices } = kernelSetOf(kernelSet);
  try {
    await packTensors(request, matrices, new RingWriter(ring));
    return "packed";
  } catch (error) {
    return { error: toErrorRecord(error) };
  }
}

scope.onmessage = async ({ data }: MessageEvent<PackWorkerRequest>) => {
  scope.postMessage(await pack(data));
};
