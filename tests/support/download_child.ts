/**
 * A process that downloads, for tests with several: `deno run download_child.ts '{"endpoint", "dir", "force"?}'`. Prints a line of
 * JSON for each report, and ends as the command line does: 0, 1 with the message on stderr, 130 after Ctrl-C.
 *
 * @module
 */
import { downloadModel } from "../../engine/store/download/mod.ts";
import { FAST, hubModel } from "./download.ts";

interface ChildOptions {
  endpoint: string;
  dir: string;
  force?: boolean;
  stallMs?: number;
}

const { endpoint, dir, force = false, stallMs = 5_000 }: ChildOptions = JSON.parse(Deno.args[0]!);
const stop = new AbortController();
Deno.addSignalListener("SIGINT", () => stop.abort());
try {
  await downloadModel(hubModel(dir), {
    hub: { endpoint },
    force,
    signal: stop.signal,
    tuning: { ...FAST, stallMs },
    onProgress: (progress) => console.log(JSON.stringify(progress)),
  });
  Deno.exit(0);
} catch (error) {
  if (stop.signal.aborted) Deno.exit(130);
  console.error((error as Error).message);
  Deno.exit(1);
}
