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
  /** Resolves when the logits of its last step are on the host. */
  step: Promise<void>;
}

/**
 * Sequences of a runner, each with a fixed range of blocks. Where the runner computes several steps at once, a batch goes as that
 * many, as the engine would give it: each begins when the logits of its own sequences are there, while the others are computed.
 */
export class RunnerDecoder implements Decoder {
  readonly #runner: Runner;
  /** By place. */
  readonly #slots = new Map<number, Slot>();
  /** In flight, the oldest first. */
  readonly #steps: Promise<void>[] = [];
  #nextId = 0;

  constructor(runner: Runner) {
    this.#runner = runner;
  }

  get vocabSize(): number {
    return this.#runner.limits.vocabSize;
  }

  async reset(): Promise<void> {
    const slots = [...this.#slots.values()];
    this.#slots.clear();
    await this.settle();
    for (const { id } of slots) this.#runner.release?.(id);
  }

  async settle(): Promise<void> {
    await Promise.all(this.#steps.splice(0));
  }

  /** A prompt goes in chunks of the runner's largest step, as the scheduler would give them. */
  async append(steps: readonly Append[]): Promise<void> {
    const { maxStepTokens, maxStepsInFlight } = this.#runner.limits;
    const numTokens = steps.reduce((sum, step) => sum + step.tokens.length, 0);
    if (numTokens <= maxStepTokens) {
      const size = Math.ceil(steps.length / maxStepsInFlight);
      for (let first = 0; first < steps.length; first += size) {
        await this.#begin(steps.slice(first, first + size), 1);
      }
      return;
    }
    if (steps.length > 1) {
      throw new RangeError(`${numTokens} tokens of several sequences; a step has ${maxStepTokens}`);
    }
    const [{ sequence, tokens }] = steps as [Append];
    for (let start = 0; start < tokens.length; start += maxStepTokens) {
      const chunk = tokens.slice(start, start + maxStepTokens);
      const isLast = start + maxStepTokens >= tokens.length;
      await this.#begin([{ sequence, tokens: chunk }], isLast ? 1 : 0);
    }
  }

  /** Resolves when the step is given to the runner. */
  async #begin(steps: readonly Append[], numLogits: 0 | 1): Promise<void> {
    const slots = steps.map(({ sequence }) => this.#slot(sequence));
    for (const { step } of slots) await step;
    const { maxStepsInFlight } = this.#runner.limits;
    while (this.#steps.length >= maxStepsInFlight) await this.#steps.shift();
    const step = this.#run(steps.map((step) => this.#toEntry(step, numLogits)));
    step.catch(() => {}); // whoever comes next awaits it
    this.#steps.push(step);
    for (const slot of slots) slot.step = step;
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
      slot = { id: this.#nextId++, length: 0, step: Promise.resolve() };
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
