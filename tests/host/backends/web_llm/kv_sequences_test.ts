import assert from "node:assert/strict";
import { KvSequences } from "../../../../engine/backends/web_llm/kv_sequences.ts";
import type { RunnerEntry } from "../../../../engine/runtime/runner.ts";
import {
  type ScheduledSequence,
  Scheduler,
  type Sequence,
} from "../../../../engine/scheduler/mod.ts";
import { PagedTokens } from "../../../support/paged_tokens.ts";
import { createRandom } from "../../../support/random.ts";

const BLOCK_SIZE = 4;
const MAX_WAITING = 6;

/** A library's cache with the room behind it that decides what it holds. */
function createCache(canFork = true) {
  const pages = new PagedTokens(BLOCK_SIZE);
  const kv = new KvSequences(pages, { blockSize: BLOCK_SIZE, canFork });
  /** Appends letters to a sequence, as a step does; returns what the library holds of it then. */
  const append = (sequence: number, at: number, letters: string, blocks: number[]) => {
    const tokens = [...letters].map((letter) => letter.charCodeAt(0));
    const entry = { sequence, firstPosition: at, tokens, blocks, numLogits: 1 };
    const id = kv.prepare(entry);
    pages.append(id, tokens);
    return String.fromCharCode(...pages.read(id));
  };
  return { pages, kv, append };
}

Deno.test("KvSequences.prepare() starts a sequence at the full blocks of one that runs", () => {
  const { pages, append } = createCache();
  append(1, 0, "abcdefghij", [0, 1, 2]);
  assert.equal(append(2, 8, "xy", [0, 1, 3]), "abcdefghxy");
  assert.equal(append(1, 10, "k", [0, 1, 2]), "abcdefghijk");
  assert.equal(pages.numPages, 4);
});

Deno.test("KvSequences.release() keeps full blocks for those that ask for them later", () => {
  const { pages, kv, append } = createCache();
  append(1, 0, "abcdefghij", [0, 1, 2]);
  kv.release(1);
  assert.equal(pages.numPages, 2);
  assert.equal(append(2, 8, "xy", [0, 1, 5]), "abcdefghxy");
});

Deno.test("KvSequences.release() keeps nothing where the library cannot copy beginnings", () => {
  const { pages, kv, append } = createCache(false);
  append(1, 0, "abcdefghij", [0, 1, 2]);
  kv.release(1);
  assert.equal(pages.numSequences, 0);
});

Deno.test("KvSequences.release() of a sequence that is not there does nothing", () => {
  const { kv, pages } = createCache();
  kv.release(7);
  assert.equal(pages.numSequences, 0);
});

Deno.test("KvSequences.prepare() cuts an ended sequence down to the blocks that are still its own", () => {
  const { pages, kv, append } = createCache();
  append(1, 0, "abcdefghijkl", [0, 1, 2]);
  kv.release(1);
  append(2, 0, "mn", [2]);
  assert.equal(pages.numPages, 3);
  assert.equal(append(3, 8, "o", [0, 1, 3]), "abcdefgho");
  for (const sequence of [2, 3]) kv.release(sequence);
  append(4, 0, "pqrstuvw", [2, 1]); // the pool overwrites a block before those it needs
  assert.equal(pages.numPages, 3);
  assert.equal(append(5, 4, "x", [0, 3]), "abcdx");
});

Deno.test("KvSequences.prepare() gives the pages of a preempted sequence back when its blocks are taken", () => {
  const { pages, append } = createCache();
  append(1, 0, "abcdefgh", [0, 1]);
  append(2, 0, "ijkl", [2]);
  append(1, 8, "mnop", [0, 1, 2]); // 2 was preempted, and waits
  assert.equal(pages.numPages, 3);
  assert.equal(append(2, 0, "ijkl", [3]), "ijkl");
});

Deno.test("KvSequences.prepare() follows a sequence that comes back on another one's blocks", () => {
  const { pages, kv, append } = createCache();
  append(1, 0, "abcd", [0]);
  append(2, 0, "abcd", [1]); // the same tokens, computed at the same time
  // 2 was preempted, and comes back where it was, on the block that the prefix cache knows.
  assert.equal(append(2, 4, "e", [0, 2]), "abcde");
  append(3, 0, "wxyz", [1]);
  assert.equal(append(2, 5, "f", [0, 2]), "abcdef");
  for (const sequence of [1, 2, 3]) kv.release(sequence);
  assert.equal(pages.numPages, 2);
});

Deno.test("KvSequences.prepare() refuses a beginning that the library does not hold", () => {
  const { append } = createCache();
  append(1, 0, "abcdefgh", [0, 1]);
  assert.throws(() => append(2, 4, "x", [1, 2]), /holds the first 1 blocks/);
  assert.throws(() => append(2, 4, "x", [7, 2]), /holds the first 1 blocks/);
});

/** Sizes and likelihoods of one random run. */
interface Schedule {
  numBlocks: number;
  maxSequences: number;
  maxStepTokens: number;
  /** Different tokens: few of them make many shared prefixes. */
  numLetters: number;
  canFork: boolean;
}

/** A scheduler, the cache behind it, and what is true after each step. */
class Model {
  readonly pages = new PagedTokens(BLOCK_SIZE);
  readonly scheduler: Scheduler;
  readonly kv: KvSequences;
  readonly running = new Set<Sequence>();
  readonly #schedule: Schedule;
  readonly #random: () => number;

  constructor(schedule: Schedule, random: () => number) {
    this.#schedule = schedule;
    this.#random = random;
    const { canFork } = schedule;
    this.kv = new KvSequences(this.pages, { blockSize: BLOCK_SIZE, canFork });
    this.scheduler = new Scheduler({
      ...schedule,
      blockSize: BLOCK_SIZE,
      maxWaiting: MAX_WAITING,
      canShareBlocks: canFork,
    });
  }

  pick(size: number): number {
    return Math.floor(this.#random() * size);
  }

  add(): void {
    if (this.scheduler.numWaiting >= MAX_WAITING) return;
    const { numBlocks, numLetters } = this.#schedule;
    const length = 1 + this.pick(numBlocks * BLOCK_SIZE / 2);
    this.running.add(
      this.scheduler.add(Array.from({ length }, () => this.pick(numLetters))),
    );
  }

  /** Another turn of a conversation: the tokens of a sequence and some more. */
  continue(): void {
    const [sequence] = this.running;
    const room = this.#schedule.numBlocks * BLOCK_SIZE - 4;
    if (!sequence || this.scheduler.numWaiting >= MAX_WAITING || sequence.tokens.length > room) {
      return;
    }
    this.finish(sequence);
    this.running.add(this.scheduler.add([...sequence.tokens, this.pick(9)]));
  }

  finish(sequence: Sequence): void {
    this.running.delete(sequence);
    this.scheduler.finish(sequence);
    this.kv.release(sequence.id);
  }

  cancelOne(): void {
    const list = [...this.running];
    const sequence = list[this.pick(list.length)];
    if (sequence) this.finish(sequence);
  }

  /** @param during called while the device computes */
  step(during: () => void): void {
    const plan = this.scheduler.schedule();
    const ids = plan.map((scheduled) => this.kv.prepare(toEntry(scheduled)));
    plan.forEach(({ sequence, numTokens }, i) => {
      const end = sequence.numComputed + numTokens;
      this.pages.append(ids[i]!, sequence.tokens.slice(sequence.numComputed, end));
      assert.deepEqual(this.pages.read(ids[i]!), sequence.tokens.slice(0, end));
    });
    this.#assertRoom();
    during();
    for (const { sequence, numTokens, isLast } of plan) {
      if (!this.running.has(sequence)) continue;
      this.scheduler.commit(sequence, numTokens);
      if (!isLast) continue;
      sequence.tokens.push(this.pick(this.#schedule.numLetters));
      const isFull = sequence.tokens.length >= this.#schedule.numBlocks * BLOCK_SIZE;
      if (isFull || this.pick(12) === 0) this.finish(sequence);
    }
    this.#assertRoom();
  }

  #assertRoom(): void {
    const { numBlocks } = this.#schedule;
    assert.ok(this.pages.numPages <= numBlocks, `${this.pages.numPages} of ${numBlocks} pages`);
  }
}

function toEntry({ sequence, numTokens, isLast }: ScheduledSequence): RunnerEntry {
  const { id, tokens, numComputed, table } = sequence;
  return {
    sequence: id,
    tokens: tokens.slice(numComputed, numComputed + numTokens),
    firstPosition: numComputed,
    blocks: table.blocks,
    numLogits: isLast ? 1 : 0,
  };
}

for (const canFork of [true, false]) {
  Deno.test(`KvSequences holds what the block tables say, in as many pages as there are blocks (${canFork ? "shared" : "unshared"} prefixes)`, () => {
    let numPreemptions = 0;
    let numCached = 0;
    for (let seed = 1; seed <= 300; seed++) {
      const random = createRandom(seed);
      const pick = (size: number) => Math.floor(random() * size);
      const model = new Model({
        numBlocks: 4 + pick(12),
        maxSequences: 1 + pick(5),
        maxStepTokens: 1 + pick(24),
        numLetters: 1 + pick(3),
        canFork,
      }, random);
      for (let step = 0; step < 120; step++) {
        if (pick(3) === 0) model.add();
        if (pick(8) === 0) model.continue();
        if (pick(15) === 0) model.cancelOne();
        for (const { numCachedTokens } of model.running) numCached += numCachedTokens ?? 0;
        model.step(() => {
          if (pick(20) === 0) model.cancelOne();
        });
      }
      numPreemptions += model.scheduler.numPreemptions;
      for (const sequence of [...model.running]) model.finish(sequence);
      if (!canFork) assert.equal(model.pages.numSequences, 0);
      // What is kept is kept for a page of its own.
      assert.ok(model.pages.numSequences <= model.pages.numPages);
    }
    assert.ok(numPreemptions > 500, `${numPreemptions} preemptions`);
    assert.equal(numCached > 1000, canFork, `${numCached} cached tokens`);
  });
}
