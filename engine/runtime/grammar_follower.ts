/**
 * Leads one sequence along its grammar: masks its logits, tells the grammar what was chosen, and leaves reasoning alone.
 *
 * @module
 */
import { EngineError } from "../errors.ts";
import { applyTokenMask, type GrammarSession } from "../sampling/grammar/mod.ts";
import type { AnswerReader } from "./answer.ts";

/** Tokens that a {@linkcode GrammarFollower} treats by themselves. */
export interface FollowerTokens {
  /** End an answer. */
  readonly eosTokenIds: ReadonlySet<number>;
  /** Opens reasoning before the constrained answer; null where the model has no such token. */
  readonly think: number | null;
}

/** The constraint of one sequence. It holds from the end of the reasoning on. */
export class GrammarFollower {
  readonly #session: GrammarSession;
  readonly #tokens: FollowerTokens;
  #hasBegun = false;
  /** Settles when the grammar has said what may follow, or has failed. */
  #answered: Promise<void> = Promise.resolve();
  #isReady = false;

  constructor(session: GrammarSession, tokens: FollowerTokens) {
    this.#session = session;
    this.#tokens = tokens;
    this.#watch();
  }

  /** Waits a little for the grammar; true if {@linkcode restrict} would not wait. */
  async isReadyWithin(waitMs: number): Promise<boolean> {
    if (this.#isReady) return true;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const timeout = new Promise<void>((resolve) => timer = setTimeout(resolve, waitMs));
    await Promise.race([this.#answered, timeout]);
    clearTimeout(timer);
    return this.#isReady;
  }

  /**
   * Takes every token away that the grammar does not allow next.
   *
   * @param logits [V] f32; changed in place
   * @returns false if the grammar has ended and nothing can be chosen
   */
  async restrict(logits: Float32Array, answer: AnswerReader): Promise<boolean> {
    if (answer.isThinking) {
      // An answer that ended here would lack what was demanded.
      for (const id of this.#tokens.eosTokenIds) logits[id] = -Infinity;
      return true;
    }
    const { mask, isComplete } = await this.#session.next();
    if (isComplete) return false;
    if (mask === null) return true;
    const think = this.#mayThink(answer) ? this.#tokens.think : null;
    const thinkLogit = think === null ? 0 : logits[think]!;
    applyTokenMask(logits, mask);
    if (think !== null) logits[think] = thinkLogit;
    return true;
  }

  /** Tells the grammar which token was chosen; call it before the answer takes the token. */
  accept(token: number, answer: AnswerReader): void {
    if (answer.isThinking || (token === this.#tokens.think && this.#mayThink(answer))) return;
    this.#hasBegun = true;
    this.#session.accept(token);
    this.#watch();
  }

  /** Whether nothing may follow. */
  async isComplete(answer: AnswerReader): Promise<boolean> {
    try {
      return !answer.isThinking && (await this.#session.next()).isComplete;
    } catch {
      return false; // the grammar is gone, and so is the answer's end
    }
  }

  /**
   * Checks the finished answer: every call's arguments, or the text where there are none.
   *
   * @throws {EngineError} `answer_invalid`: it is not what was demanded
   */
  async check(answer: AnswerReader): Promise<void> {
    const fault = await this.#findFault(answer);
    if (fault === null) return;
    throw new EngineError(
      "answer_invalid",
      `The model's answer breaks its schema: ${fault}; ask again, or make the schema simpler`,
    );
  }

  /** Frees the grammar's memory. */
  close(): void {
    this.#session.close();
  }

  async #findFault(answer: AnswerReader): Promise<string | null> {
    for (const call of answer.calls) {
      const fault = await this.#session.check(call.name, call.arguments);
      if (fault !== null) return `in the arguments of ${call.name}, ${fault}`;
    }
    return answer.calls.length > 0 ? null : await this.#session.check(null, answer.text);
  }

  #watch(): void {
    this.#isReady = false;
    const settle = () => {
      if (answered === this.#answered) this.#isReady = true;
    };
    const answered = this.#session.next().then(settle, settle);
    this.#answered = answered;
  }

  #mayThink(answer: AnswerReader): boolean {
    return !this.#hasBegun && !answer.isAnswering;
  }
}
