/**
 * Measures what drafted tokens bring where a text repeats itself and cost where it does not, and prints a Markdown table.
 *
 *     deno run -A bench/speculation.ts [--runs 7] [--generate 200] [--model models/ollm-tiny]
 *
 * @module
 */
import { parseArgs } from "node:util";
import { WgslRunner } from "../engine/backends/wgsl/mod.ts";
import { countWeights, openPackage } from "../engine/formats/mod.ts";
import { chooseSoftwareMode, GpuDevice, setSoftwareMode } from "../engine/gpu/mod.ts";
import type { ModelStats, SamplingParams, SpeculationSetting } from "../engine/mod.ts";
import { ModelEngine } from "../engine/runtime/model_engine.ts";
import type { Runner } from "../engine/runtime/runner.ts";
import { loadTextModel, type TextModel } from "../engine/text/mod.ts";
import { formatSpread, formatTable } from "./report.ts";

/** A text, and how it goes on. */
interface Case {
  name: string;
  prompt: string;
  sampling: SamplingParams;
}

/** Greedy text behind a repetition soon repeats itself too; at a high temperature nothing does. */
const CASES: readonly Case[] = [
  {
    name: "repeats itself",
    prompt: "one apple, two pears, three plums, four figs, one apple, two pears, three plums,",
    sampling: { temperature: 0 },
  },
  { name: "does not", prompt: "The quick brown fox", sampling: { temperature: 2, seed: 4 } },
];

const MODES: readonly SpeculationSetting[] = ["off", "auto"];

const { values: flags } = parseArgs({
  options: {
    runs: { type: "string", default: "7" },
    generate: { type: "string", default: "200" },
    model: { type: "string", default: "models/ollm-tiny" },
  },
});

async function generate(
  { runner, text }: { runner: Runner; text: TextModel },
  { prompt, sampling }: Case,
  speculation: SpeculationSetting,
): Promise<{ rate: number; stats: Omit<ModelStats, "numRestartsTotal"> }> {
  const maxTokens = Number(flags.generate);
  const engine = new ModelEngine({
    model: "bench",
    runner,
    text,
    sampling: {},
    maxWaiting: 1,
    defaultMaxTokens: maxTokens,
    speculation,
  });
  let rate = 0;
  engine.submit({ model: "bench", prompt, sampling, maxTokens, ignoreEos: true }, {
    onEvent: (event) => {
      if (event.type !== "finish") return;
      rate = 1000 * (event.usage.numOutputTokens - 1) / event.usage.decodeMs;
    },
    onError: (error) => {
      throw error;
    },
  });
  while (await engine.step());
  engine.close();
  return { rate, stats: engine.stats() };
}

async function main(): Promise<void> {
  const pkg = await openPackage(flags.model);
  setSoftwareMode(chooseSoftwareMode(countWeights(pkg), { isFused: true }));
  const device = await GpuDevice.create();
  const runner = await WgslRunner.load(device, pkg, { contextLength: 1024 });
  const model = { runner, text: await loadTextModel(pkg) };
  const rows: string[][] = [];
  for (const one of CASES) {
    await generate(model, one, "off"); // warms the code up
    const rates: Record<SpeculationSetting, number[]> = { off: [], auto: [] };
    let counts = "";
    for (let run = 0; run < Number(flags.runs); run++) {
      for (const mode of run % 2 === 0 ? MODES : MODES.toReversed()) {
        const { rate, stats } = await generate(model, one, mode);
        rates[mode].push(rate);
        if (mode === "auto") {
          counts = `${stats.numAcceptedTokensTotal} of ${stats.numDraftedTokensTotal}`;
        }
      }
    }
    rows.push([one.name, formatSpread(rates.off), formatSpread(rates.auto), counts]);
  }
  console.log(`${device.info.description}, ${flags.model}, ${flags.generate} tokens\n`);
  console.log(formatTable(["text", "off, tok/s", "auto, tok/s", "right drafts, last run"], rows));
  runner.destroy();
  device.destroy();
}

if (import.meta.main) await main();
