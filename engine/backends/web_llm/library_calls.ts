/**
 * The frame around each call of a loaded library: what the runtime allocated in it is freed behind it, and what the runtime
 * throws becomes an error.
 *
 * @module
 */
import { DeviceError, EngineError } from "../../errors.ts";
import type { TvmInstance } from "./tvm.ts";

/** Calls of one library on one device. */
export class LibraryCalls {
  readonly #tvm: Pick<TvmInstance, "beginScope" | "endScope">;
  #lost: DeviceError | null = null;

  constructor(
    { tvm, device }: {
      tvm: Pick<TvmInstance, "beginScope" | "endScope">;
      device: Pick<GPUDevice, "lost">;
    },
  ) {
    this.#tvm = tvm;
    device.lost.then(({ reason, message }) => {
      const text = `The GPU device was lost (${reason}): ${message}`;
      this.#lost = new DeviceError("device_lost", text);
    });
  }

  /**
   * Runs `call`; all of the runtime's objects that it makes and does not detach are freed when it ends.
   *
   * @throws {DeviceError} the device was lost
   * @throws {EngineError} a check inside the runtime failed
   */
  async run<T>(call: () => T | Promise<T>): Promise<T> {
    if (this.#lost) throw this.#lost;
    this.#tvm.beginScope();
    try {
      return await call();
    } catch (cause) {
      if (this.#lost) throw this.#lost;
      if (cause instanceof EngineError) throw cause;
      throw new EngineError("engine_failed", `The model library failed: ${describe(cause)}`, {
        cause,
      });
    } finally {
      this.#tvm.endScope();
    }
  }
}

/** What the runtime throws: a failed check ends its WebAssembly program, with an object that is no `Error`. */
export function describe(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message;
  return String((thrown as { message?: unknown } | null)?.message ?? thrown);
}
