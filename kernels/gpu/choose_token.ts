/**
 * Greedy sampling on the device: two passes, since a vocabulary is too long for one workgroup and too short for many.
 *
 * @module
 */
import { assembleKernel } from "../assemble.ts";
import bestLogit from "../lib/best_logit.wgsl" with { type: "text" };
import step from "../lib/step.wgsl" with { type: "text" };
import chooseToken from "./choose_token.wgsl" with { type: "text" };
import chooseTokenPartial from "./choose_token_partial.wgsl" with { type: "text" };

/** The best logit of each chunk of a row. */
export const chooseTokenPartialKernel = assembleKernel("choose_token_partial", {
  bindings: {
    step: ["uniform", "Step"],
    logits: ["read", "array<u32>"],
    partials: ["read_write", "array<BestLogit>"],
  },
  parts: [step, bestLogit, chooseTokenPartial],
});

/** The best logit of a row, as the next step's token. */
export const chooseTokenKernel = assembleKernel("choose_token", {
  bindings: {
    step: ["uniform", "Step"],
    partials: ["read", "array<BestLogit>"],
    block_tables: ["read", "array<u32>"],
    tokens: ["read_write", "array<Token>"],
    chosen: ["read_write", "array<u32>"],
  },
  parts: [step, bestLogit, chooseToken],
});
