import type { ChosenTokenLogprob, TokenLogprob } from "../../engine/mod.ts";

/** OpenAI's log-probability of one token. */
export interface LogprobBody {
  token: string;
  bytes: number[];
  /** Natural logarithm. */
  logprob: number;
}

/** The same, with the most likely alternatives, most likely first. */
export interface ChosenLogprobBody extends LogprobBody {
  top_logprobs: LogprobBody[];
}

/** Tokens in OpenAI's words. */
export function toLogprobBodies(tokens: ChosenTokenLogprob[]): ChosenLogprobBody[] {
  return tokens.map((token) => ({
    ...toLogprobBody(token),
    top_logprobs: token.alternatives.map(toLogprobBody),
  }));
}

/** JSON has no infinity, and OpenAI's own service sends this for a token that cannot be. */
export const MIN_LOGPROB = -9999;

function toLogprobBody({ token, bytes, logprob }: TokenLogprob): LogprobBody {
  return { token, bytes, logprob: Math.max(logprob, MIN_LOGPROB) };
}
