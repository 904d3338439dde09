/**
 * A model behind our `Runner` interface: our kernels, or a compiled library under our host path.
 *
 * @module
 */
import type { Runner, RunnerEntry } from "../../engine/runtime/runner.ts";
import type { Append, Decoder } from "./decoder.ts";

/** A sequence's state. */
interface Slot {
  /** The runner's id. */
  id: number;
  length: number;
}

/** Sequences of a runner, each with a fixed range of blocks. */
export class RunnerDecoder implements Decoder {
  readonly #runner: Runner;
  /** By place. */
  readonly #slots = new Map<number, Slot>();
  #nextId = 0;

  constructor(runner: Runner) {
    this.#runner = runner;
  }

  get vocabSize(): number {
    return this.#runner.limits.vocabSize;
  }

  reset(): void {
    for (const { id } of this.#slots.values()) this.#runner.release?.(id);
    this.#slots.clear();
  }

  /** A prompt goes in chunks of the runner's largest step, as the scheduler would give them. */
  async append(steps: readonly Append[]): Promise<void> {
    const { maxStepTokens } = this.#runner.limits;
    const numTokens = steps.reduce((sum, step) => sum + step.tokens.length, 0);
    if (numTokens <= maxStepTokens) {
      return await this.#run(steps.map((step) => this.#toEntry(step, 1)));
    }
    if (steps.length > 1) {
      throw new RangeError(`${numTokens} tokens of several sequences; a step has ${maxStepTokens}`);
    }
    const [{ sequence, tokens }] = steps as [Append];
    for (let start = 0; start < tokens.length; start += maxStepTokens) {
      const chunk = tokens.slice(start, start + maxStepTokens);
      const isLast = start + maxStepTokens >= tokens.length;
      await this.#run([this.#toEntry({ sequence, tokens: chunk }, isLast ? 1 : 0)]);
    }
  }

  async #run(entries: readonly RunnerEntry[]): Promise<void> {
    const { vocabSize } = this.#runner.limits;
    const logits = await this.#runner.run(entries);
    const numRows = entries.reduce((sum, { numLogits }) => sum + numLogits, 0);
    const numWanted = numRows * vocabSize;
    // One of the logits stands for all: looking at each would be counted as the engine's time.
    if (logits.length !== numWanted || (numRows > 0 && !Number.isFinite(logits.at(-1)))) {
      throw new Error(`The runner gave ${logits.length} logits, not ${numWanted} finite ones`);
    }
  }

  #slot(sequence: number): Slot {
    let slot = this.#slots.get(sequence);
    if (!slot) {
      slot = { id: this.#nextId++, length: 0 };
      this.#slots.set(sequence, slot);
    }
    return slot;
  }

  #toEntry({ sequence, tokens }: Append, numLogits: 0 | 1): RunnerEntry {
    const slot = this.#slot(sequence);
    const firstPosition = slot.length;
    slot.length += tokens.length;
    const { blockSize, numBlocks, maxSequences } = this.#runner.limits;
    const numOwn = Math.floor(numBlocks / maxSequences);
    const numNeeded = Math.ceil(slot.length / blockSize);
    if (numNeeded > numOwn) {
      throw new RangeError(`${slot.length} tokens need ${numNeeded} blocks; each has ${numOwn}`);
    }
    const blocks = Array.from({ length: numNeeded }, (_, i) => sequence * numOwn + i);
    return { sequence: slot.id, tokens, firstPosition, blocks, numLogits };
  }
}
