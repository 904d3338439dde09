/**
 * Command buffers of recorded steps, made before they are needed: encoding a step costs the host 0.1 to 1 ms, during which the
 * device would wait. A decode step is the same commands every time, since all that changes is in buffers; so the next one is
 * encoded while the device computes this one.
 *
 * @module
 */
import type { StepShape } from "../../gpu/mod.ts";

/** Tokens of a step that is likely to come again in the same shape. */
const MAX_TOKENS = 32;

/** Shapes that are kept ready. */
const MAX_SHAPES = 8;

/** What is ready for a shape. */
interface ReadyCommands {
  readonly shape: StepShape;
  readonly commands: GPUCommandBuffer[];
  /** As many are likely to be taken between two calls of {@linkcode StepCommands.prepare}. */
  count: number;
}

/** Command buffers for each shape that comes again; each can be submitted once. */
export class StepCommands {
  readonly #encode: (shape: StepShape) => GPUCommandBuffer;
  /** By shape, the one unused longest first. */
  readonly #ready = new Map<string, ReadyCommands>();

  /** @param encode makes the commands of a step */
  constructor(encode: (shape: StepShape) => GPUCommandBuffer) {
    this.#encode = encode;
  }

  /**
   * The commands of one step, to be submitted at once.
   *
   * @param count steps of this shape that are taken before the host waits for the device
   */
  take(shape: StepShape, count = 1): GPUCommandBuffer {
    if (shape.numTokens > MAX_TOKENS) return this.#encode(shape);
    const { numTokens, numLogits, contextLength, isSolo = false } = shape;
    const key = `${numTokens} ${numLogits} ${contextLength} ${isSolo}`;
    const entry = this.#ready.get(key) ?? { shape, commands: [], count };
    entry.count = count;
    this.#ready.delete(key);
    this.#ready.set(key, entry);
    return entry.commands.pop() ?? this.#encode(shape);
  }

  /** Encodes what was taken once more; to be called while the device works. */
  prepare(): void {
    for (const [key, { shape, commands, count }] of this.#ready) {
      if (this.#ready.size > MAX_SHAPES) this.#ready.delete(key);
      else while (commands.length < count) commands.push(this.#encode(shape));
    }
  }
}
