/**
 * Greedy answers of a loaded model through the engine's own loop, with what decided each token.
 *
 * @module
 */
import { ModelEngine } from "../../engine/runtime/model_engine.ts";
import type { Runner, RunnerEntry } from "../../engine/runtime/runner.ts";
import type { TextModel } from "../../engine/text/mod.ts";
import type { ChatMessage } from "../../engine/types.ts";

/** One prompt's tokens, the end-of-text token included. */
export interface GreedyAnswer {
  tokens: number[];
  /** Of each token: its logit less that of the next best. */
  margins: number[];
}

/** Where two answers part. */
export interface Difference {
  /** Index of the prompt. */
  prompt: number;
  /** Index of the token. */
  token: number;
  /** The smaller of both margins: near 0 is a tie that rounding decides. */
  margin: number;
}

/** Notes the best logit of every row that it passes on. */
class RecordingRunner implements Runner {
  readonly limits: Runner["limits"];
  /** By the sequence's id. */
  readonly answers = new Map<number, GreedyAnswer>();
  readonly #runner: Runner;

  constructor(runner: Runner) {
    this.limits = runner.limits;
    this.#runner = runner;
  }

  async run(entries: readonly RunnerEntry[]): Promise<Float32Array> {
    const logits = await this.#runner.run(entries);
    const { vocabSize } = this.limits;
    for (const [row, { sequence }] of entries.filter((entry) => entry.numLogits > 0).entries()) {
      const { token, margin } = findBest(logits.subarray(row * vocabSize, (row + 1) * vocabSize));
      const answer = this.answers.get(sequence) ?? { tokens: [], margins: [] };
      answer.tokens.push(token);
      answer.margins.push(margin);
      this.answers.set(sequence, answer);
    }
    return logits;
  }

  destroy(): void {
    this.#runner.destroy();
  }
}

function findBest(logits: Float32Array): { token: number; margin: number } {
  let [token, best, second] = [0, -Infinity, -Infinity];
  for (const [i, logit] of logits.entries()) {
    if (logit > best) [token, best, second] = [i, logit, best];
    else if (logit > second) second = logit;
  }
  return { token, margin: best - second };
}

/**
 * Asks all prompts, `batchSize` at a time, with an empty prefix cache.
 *
 * @returns in the order of the prompts
 */
export async function answerGreedily(
  { runner, text }: { runner: Runner; text: TextModel },
  prompts: readonly ChatMessage[][],
  { batchSize, maxTokens }: { batchSize: number; maxTokens: number },
): Promise<GreedyAnswer[]> {
  const recording = new RecordingRunner(runner);
  const engine = new ModelEngine({
    model: "greedy",
    runner: recording,
    text,
    sampling: { temperature: 0 },
    maxWaiting: batchSize,
    defaultMaxTokens: maxTokens,
    speculation: "off", // one row of logits for each token
  });
  const ids: number[] = [];
  for (let first = 0; first < prompts.length; first += batchSize) {
    for (const messages of prompts.slice(first, first + batchSize)) {
      const request = { model: "greedy", messages, maxTokens };
      ids.push(engine.submit(request, { onEvent: () => {}, onError: fail }).id);
    }
    while (await engine.step());
  }
  engine.close();
  return ids.map((id) => recording.answers.get(id)!);
}

function fail(error: unknown): void {
  throw error;
}

/** The first token of each answer that is not the same. */
export function findDifferences(
  answers: readonly GreedyAnswer[],
  others: readonly GreedyAnswer[],
): Difference[] {
  return answers.flatMap((answer, prompt) => {
    const other = others[prompt]!;
    const length = Math.max(answer.tokens.length, other.tokens.length);
    const token = Array.from({ length }, (_, i) => i)
      .find((i) => answer.tokens[i] !== other.tokens[i]);
    if (token === undefined) return [];
    const margin = Math.min(answer.margins[token] ?? Infinity, other.margins[token] ?? Infinity);
    return [{ prompt, token, margin }];
  });
}
