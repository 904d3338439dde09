import assert from "node:assert/strict";
import { type ProbedModel, probeLibrary } from "../../../../engine/backends/web_llm/canary.ts";
import { PAGE_SIZE } from "../../../../engine/backends/web_llm/library_model.ts";
import { createRandom } from "../../../support/random.ts";

const VOCAB_SIZE = 32;

/** A model whose logits follow from all tokens of a sequence. */
class FakeModel implements ProbedModel {
  readonly hasBatch: boolean = true;
  readonly sequences = new Map<number, number[]>();
  numClears = 0;

  add(id: number): void {
    assert.ok(!this.sequences.has(id));
    this.sequences.set(id, []);
  }

  remove(id: number): void {
    assert.ok(this.sequences.delete(id));
  }

  fork(parent: number, child: number, length: number): void {
    assert.equal(length % PAGE_SIZE, 0);
    this.sequences.set(child, this.sequences.get(parent)!.slice(0, length));
  }

  clear(): void {
    this.sequences.clear();
    this.numClears++;
  }

  runSingle({ id, tokens }: { id: number; tokens: readonly number[] }): Promise<Float32Array> {
    return Promise.resolve(this.#append(id, tokens).at(-1)!);
  }

  runBatch(
    entries: readonly { id: number; tokens: readonly number[] }[],
    rows: readonly number[],
  ): Promise<Float32Array> {
    const all = entries.flatMap(({ id, tokens }) => this.#append(id, tokens));
    return Promise.resolve(Float32Array.from(rows.flatMap((row) => [...all[row]!])));
  }

  /** A row behind each token. */
  #append(id: number, tokens: readonly number[]): Float32Array[] {
    const sequence = this.sequences.get(id)!;
    return tokens.map((token) => {
      sequence.push(token);
      const seed = sequence.reduce((hash, t) => Math.imul(hash, 31) + t, 7);
      const random = createRandom(seed);
      return Float32Array.from({ length: VOCAB_SIZE }, () => 4 * random());
    });
  }
}

/** A fake whose batched rows are changed on their way out. */
class ChangedModel extends FakeModel {
  readonly #change: (rows: Float32Array, numSteps: number) => Float32Array;
  #numSteps = 0;

  constructor(change: (rows: Float32Array, numSteps: number) => Float32Array) {
    super();
    this.#change = change;
  }

  override async runBatch(...args: Parameters<FakeModel["runBatch"]>): Promise<Float32Array> {
    return this.#change(await super.runBatch(...args), ++this.#numSteps);
  }
}

Deno.test("probeLibrary() lets a library that is right batch and share, and leaves its cache empty", async () => {
  const model = new FakeModel();
  assert.deepEqual(await probeLibrary(model), { canBatch: true, canFork: true, reasons: [] });
  assert.equal(model.sequences.size, 0);
});

Deno.test("probeLibrary() takes no offence at rounding", async () => {
  const random = createRandom(3);
  const model = new ChangedModel((rows) => rows.map((value) => value + 0.1 * (random() - 0.5)));
  assert.equal((await probeLibrary(model)).canFork, true);
});

Deno.test("probeLibrary() runs a library without batch functions sequentially", async () => {
  class SingleModel extends FakeModel {
    override readonly hasBatch = false;
  }
  const { canBatch, canFork, reasons } = await probeLibrary(new SingleModel());
  assert.deepEqual([canBatch, canFork], [false, false]);
  assert.match(reasons.join(), /no functions for several sequences/);
});

const swap = (rows: Float32Array) => {
  const half = rows.length / 2;
  return Float32Array.from([...rows.subarray(half), ...rows.subarray(0, half)]);
};

for (
  const [name, change] of [
    ["swapped rows", swap],
    ["swapped rows of decodes only", (rows, step) => step === 2 ? swap(rows) : rows],
    ["one row twice", (rows) => rows.map((_, i) => rows[i % VOCAB_SIZE]!)],
    ["NaN", (rows) => rows.fill(NaN, 3, 4)],
    ["one row too few", (rows) => rows.subarray(VOCAB_SIZE)],
  ] as [string, (rows: Float32Array, step: number) => Float32Array][]
) {
  Deno.test(`probeLibrary() runs a library sequentially that answers batches with ${name}`, async () => {
    const { canBatch, canFork, reasons } = await probeLibrary(new ChangedModel(change));
    assert.deepEqual([canBatch, canFork], [false, false]);
    assert.match(reasons.join(), /gets other logits than alone/);
  });
}

Deno.test("probeLibrary() empties the cache after a batch that threw, and says what was thrown", async () => {
  class FailingModel extends FakeModel {
    override runBatch(): Promise<Float32Array> {
      // What the runtime throws is no Error.
      return Promise.reject({ name: "ExitStatus", message: "exit(1)", toString: () => "exit(1)" });
    }
  }
  const model = new FailingModel();
  const { canBatch, reasons } = await probeLibrary(model);
  assert.equal(canBatch, false);
  assert.match(reasons.join(), /fails in this library \(exit\(1\)\): one runs at a time/);
  assert.deepEqual([model.sequences.size, model.numClears], [0, 1]);
});

Deno.test("probeLibrary() shares no prefixes where a copy misses a token", async () => {
  class ShortModel extends FakeModel {
    override fork(parent: number, child: number, length: number): void {
      super.fork(parent, child, length);
      this.sequences.get(child)!.pop();
    }
  }
  const { canBatch, canFork, reasons } = await probeLibrary(new ShortModel());
  assert.deepEqual([canBatch, canFork], [true, false]);
  assert.match(reasons.join(), /begins as a copy gets other logits/);
});

Deno.test("probeLibrary() batches without sharing where copying throws", async () => {
  class UncopiedModel extends FakeModel {
    override fork(): void {
      throw new Error("no such function");
    }
  }
  const { canBatch, canFork, reasons } = await probeLibrary(new UncopiedModel());
  assert.deepEqual([canBatch, canFork], [true, false]);
  assert.match(reasons.join(), /begins as a copy fails in this library \(no such function\)/);
});

Deno.test("probeLibrary() fails where the library cannot run one sequence", async () => {
  class BrokenModel extends FakeModel {
    override runSingle(): Promise<Float32Array> {
      return Promise.reject(new Error("exit(1)"));
    }
  }
  await assert.rejects(probeLibrary(new BrokenModel()), /exit\(1\)/);
});
