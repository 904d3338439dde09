/**
 * One run of serving through the engine, in a process of its own: prints what was measured as a line of JSON.
 *
 *     deno run -A bench/peers/serving/engine_case.ts '{"model": …, "serving": …}'
 *
 * @module
 */
import { measureServing, type ServingOptions } from "./measure.ts";
import { openEngineService } from "./service.ts";

if (import.meta.main) {
  const { model, serving }: { model: string; serving: ServingOptions } = JSON.parse(Deno.args[0]!);
  const service = await openEngineService(model);
  console.log(JSON.stringify(await measureServing(service, serving)));
  await service.close();
}
