/**
 * A worker without a model: loads at once, or fails if its model is called `broken`. It accepts generations and answers
 * `prompt` "go on" with nothing until it is cancelled, every other one with one piece of text.
 */
import type { WorkerReply, WorkerRequest } from "../../engine/runtime/protocol.ts";

const post = (reply: WorkerReply) => self.postMessage(reply);
const USAGE = {
  numPromptTokens: 1,
  numCachedTokens: 0,
  numOutputTokens: 1,
  numReasoningTokens: 0,
  timeToFirstTokenMs: 1,
  decodeMs: 1,
};
let model = "";

self.onmessage = ({ data }: MessageEvent<WorkerRequest>) => {
  switch (data.type) {
    case "load":
      model = data.options.model;
      post({ type: "progress", share: 0.5, stage: "loading weights" });
      if (model !== "broken") return post({ type: "loaded", remarks: [] });
      return post({ type: "failed", error: { code: "model_invalid", message: "it is broken" } });
    case "generate":
      post({ type: "accepted", id: data.id, numPromptTokens: 1 });
      if (data.request.prompt === "go on") return;
      return post({
        type: "events",
        events: [
          [data.id, { type: "text", text: model }],
          [data.id, { type: "finish", reason: "stop", usage: USAGE }],
        ],
      });
    case "cancel":
      return post({
        type: "events",
        events: [[data.id, { type: "finish", reason: "cancelled", usage: USAGE }]],
      });
    case "stats":
      return post({
        type: "answer",
        id: data.id,
        value: {
          model,
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
    case "ping":
      return post({ type: "pong" });
  }
};
