/**
 * Writes measurements of made-up models into a cache folder, one after the other: `FOLDER NAME COUNT`.
 *
 * @module
 */
import { MeasurementFile } from "../../engine/runtime/measurements.ts";
import { MADE_UP_ADAPTER, madeUpModel } from "./made_up_measurements.ts";

if (import.meta.main) {
  const [dir, name, count] = Deno.args;
  for (let i = 0; i < Number(count); i++) {
    const model = madeUpModel({ model: `${name}-${i}`, weightBytes: name!.length * 1000 + i });
    await new MeasurementFile(dir!).record(MADE_UP_ADAPTER, model);
  }
}
