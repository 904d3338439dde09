/**
 * Compares the load of a 300 MB package in Qwen2-0.5B's shape with a mere copy of its bytes to the device, in turns. Prints a
 * Markdown table.
 *
 *     deno run -A bench/load.ts [--runs 5] [--against CHECKOUT]
 *
 * @module
 */
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import type { LoadMeasurement } from "./load_case.ts";
import { writeRandomPackage } from "./random_package.ts";
import { formatSpread, formatTable } from "./report.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const MEGA = 1e6;

async function measure(root: string, dir: string, way: string): Promise<LoadMeasurement> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `${ROOT}bench/load_case.ts`, `file://${root}`, dir, way],
  }).output();
  if (!success) throw new Error(`The load failed: ${new TextDecoder().decode(stderr)}`);
  return JSON.parse(new TextDecoder().decode(stdout));
}

async function main(): Promise<void> {
  const { values: flags } = parseArgs({
    options: { runs: { type: "string", default: "5" }, against: { type: "string" } },
  });
  const home = Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME") ?? "."}/.cache`;
  const dir = `${home}/ollm/bench/qwen2-0.5b-random-24`;
  await writeRandomPackage(dir);
  const cases: [name: string, root: string, way: string][] = [["copy", ROOT, "copy"]];
  cases.push(["load", ROOT, "load"]);
  if (flags.against) {
    cases.push(["load (against)", await Deno.realPath(flags.against), "load"]);
  }
  const series = cases.map(([name, root, way]) => ({
    name,
    runs: [] as LoadMeasurement[],
    run: () => measure(root, dir, way),
  }));
  for (let i = 0; i < Number(flags.runs); i++) {
    for (const { runs, run } of series) runs.push(await run());
  }
  const copies = series[0]!.runs;
  const rows = series.map(({ name, runs }) => [
    name,
    formatSpread(runs.map(({ ms }) => ms)),
    formatSpread(runs.map(({ ms }, i) => ms / copies[i]!.ms)),
    formatSpread(runs.map(({ cpuMs }) => cpuMs)),
    formatSpread(runs.map((run) => (run.peakBytes - run.deviceBytes) / MEGA)),
  ]);
  const load = Deno.loadavg()[0]?.toFixed(1) ?? "unknown";
  console.log(
    `${
      (copies[0]!.deviceBytes / MEGA).toFixed(0)
    } MB on the device, ${flags.runs} runs in turns, ` +
      `a process each; median (lowest to highest); load average ${load}\n`,
  );
  const header = ["", "ms", "of the copy, run by run", "CPU ms", "peak memory beyond it, MB"];
  console.log(formatTable(header, rows));
}

if (import.meta.main) await main();
