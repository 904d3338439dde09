/**
 * The grammars of one model's requests: opened before a request is accepted, and bounded in number.
 *
 * @module
 */
import { QueueFullError } from "../errors.ts";
import { GrammarService } from "../sampling/grammar/mod.ts";
import { type TextModel, THINK_OPEN } from "../text/mod.ts";
import type { GenerationRequest } from "../types.ts";
import { constrain } from "./demands.ts";
import { type FollowerTokens, GrammarFollower } from "./grammar_follower.ts";

/** Opens the grammars that requests demand. Costs nothing before the first. */
export class Constraints {
  readonly #text: TextModel;
  readonly #maxOpening: number;
  readonly #grammars: GrammarService;
  #tokens: FollowerTokens | null = null;
  #numOpening = 0;

  /** @param maxOpening requests whose grammar may be compiling or wait for that */
  constructor(text: TextModel, maxOpening: number) {
    this.#text = text;
    this.#maxOpening = maxOpening;
    this.#grammars = new GrammarService({
      numTokens: text.numTokens,
      eosTokenIds: text.eosTokenIds,
      tokenBytes: (id) => text.markedTokenBytes(id),
    });
  }

  /**
   * Compiles the grammar that a request's tools and format demand.
   *
   * @returns null where any text will do; else a follower that its owner closes
   * @throws {InvalidRequestError} the demands contradict each other or cannot be enforced
   * @throws {QueueFullError} too many are compiling
   */
  async open(request: GenerationRequest): Promise<GrammarFollower | null> {
    const constraint = constrain(request, this.#text);
    if (constraint === null) return null;
    if (this.#numOpening >= this.#maxOpening) throw new QueueFullError(this.#maxOpening);
    this.#numOpening++;
    try {
      return new GrammarFollower(await this.#grammars.open(constraint), this.#getTokens());
    } finally {
      this.#numOpening--;
    }
  }

  /** Ends all grammars. */
  close(): void {
    this.#grammars.close();
  }

  #getTokens(): FollowerTokens {
    if (this.#tokens) return this.#tokens;
    const text = this.#text;
    let think: number | null = null;
    for (let id = 0; text.thinks && think === null && id < text.numTokens; id++) {
      if (new TextDecoder().decode(text.markedTokenBytes(id)) === THINK_OPEN) think = id;
    }
    return this.#tokens = { eosTokenIds: text.eosTokenIds, think };
  }
}
