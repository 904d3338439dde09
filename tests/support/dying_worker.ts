/**
 * A worker that loads at once and dies of the first request: as its prompt says, else of a lost device.
 */
import type { WorkerReply, WorkerRequest } from "../../engine/runtime/protocol.ts";

const post = (reply: WorkerReply) => self.postMessage(reply);

self.onmessage = ({ data }: MessageEvent<WorkerRequest>) => {
  if (data.type === "load") post({ type: "loaded", remarks: [] });
  else if (data.type === "stats") {
    post({
      type: "answer",
      id: data.id,
      value: {
        model: "dying",
        numWaiting: 0,
        numRunning: 0,
        numBlocks: 1,
        numFreeBlocks: 1,
        numStepsTotal: 0,
        numGeneratedTokensTotal: 0,
        numPreemptionsTotal: 0,
        numCancelledTotal: 0,
        numDraftedTokensTotal: 0,
        numAcceptedTokensTotal: 0,
      },
    });
  } else if (data.type === "generate") {
    post({ type: "accepted", id: data.id, numPromptTokens: 1 });
    post({ type: "events", events: [[data.id, { type: "text", text: "a" }]] });
    if (data.request.prompt === "throw") throw new Error("the worker threw");
    if (data.request.prompt === "close") self.close();
    else if (data.request.prompt === "spin") { while (true); }
    else post({ type: "failed", error: { code: "device_lost", message: "the device is gone" } });
  }
};
