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

/** A command buffer for each shape that comes again; each can be submitted once. */
export class StepCommands {
  readonly #encode: (shape: StepShape) => GPUCommandBuffer;
  /** By shape, the one unused longest first; null where the last one was taken. */
  readonly #ready = new Map<string, { shape: StepShape; commands: GPUCommandBuffer | null }>();

  /** @param encode makes the commands of a step */
  constructor(encode: (shape: StepShape) => GPUCommandBuffer) {
    this.#encode = encode;
  }

  /** The commands of one step, to be submitted at once. */
  take(shape: StepShape): GPUCommandBuffer {
    const key = `${shape.numTokens} ${shape.numLogits} ${shape.contextLength}`;
    const commands = this.#ready.get(key)?.commands ?? this.#encode(shape);
    if (shape.numTokens <= MAX_TOKENS) {
      this.#ready.delete(key);
      this.#ready.set(key, { shape, commands: null });
    }
    return commands;
  }

  /** Encodes what was taken once more; to be called while the device works. */
  prepare(): void {
    for (const [key, entry] of this.#ready) {
      if (this.#ready.size > MAX_SHAPES) this.#ready.delete(key);
      else entry.commands ??= this.#encode(entry.shape);
    }
  }
}
