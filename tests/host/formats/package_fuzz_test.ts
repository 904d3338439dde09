/**
 * Damaged packages: no crash, no hang, bounded memory, a clear error each. `OLLM_FUZZ_FILES` sets their number; the whole suite has
 * 50,000.
 *
 * @module
 */
import assert from "node:assert/strict";
import { runPackageFuzz } from "../../support/fuzz/package_run.ts";

const NUM_FILES = Number(Deno.env.get("OLLM_FUZZ_FILES") ?? 2500);
/** The render budget is 250 ms and bad files may take 100; the rest is for a busy machine. */
const MAX_MS = 1000;
const MAX_GROWTH_BYTES = 512 * 1024 * 1024;

Deno.test("openPackage() and loadTextModel() take or refuse damaged files", async () => {
  const report = await runPackageFuzz(NUM_FILES);
  console.log(JSON.stringify(report));
  assert.ok(report.slowest.ms < MAX_MS, "a file takes too long");
  assert.ok(report.peakRss - report.firstRss < MAX_GROWTH_BYTES, "memory grows");
  // The damage is neither so slight that nothing breaks, nor such that nothing opens.
  assert.ok(report.outcomes.invalid > NUM_FILES / 10);
  assert.ok(report.outcomes.worked > NUM_FILES / 10);
});
