/**
 * The worker of a second stage that fails as the URL's fragment says.
 */
import { StageChannel } from "../../engine/backends/wgsl/stage_channel.ts";
import { StageServer } from "../../engine/backends/wgsl/stage_server.ts";
import { DeviceError } from "../../engine/errors.ts";
import { GpuDevice } from "../../engine/gpu/mod.ts";

/** Pieces that go well. */
const NUM_GOOD_PIECES = 1;

const scope = self as unknown as DedicatedWorkerGlobalScope;

/** Calls `fail` instead of finishing a piece. */
function failInStep(fail: () => void): void {
  const { finish } = StageChannel.prototype;
  let numPieces = 0;
  StageChannel.prototype.finish = function (...args) {
    if (++numPieces > NUM_GOOD_PIECES) fail();
    else finish.apply(this, args);
  };
}

switch (new URL(import.meta.url).hash) {
  case "#no-memory":
    GpuDevice.create = () => {
      throw new DeviceError("out_of_memory", "The device has not enough memory for a test");
    };
    break;
  case "#loses-device":
    failInStep(() => {
      throw new DeviceError("device_lost", "The GPU device was lost in a test");
    });
    break;
  case "#dies-in-step":
    failInStep(() => reportError(new Error("died in a test")));
    break;
  case "#dies-idle":
    // Messages are looked at when no piece has come for a while.
    failInStep(() => setTimeout(() => reportError(new Error("died in a test")), 0));
    break;
  default:
    throw new RangeError(`Unknown failure in ${import.meta.url}`);
}

new StageServer(scope);
