import assert from "node:assert/strict";
import { showDownloadProgress } from "../../../cli/download_progress.ts";
import type { DownloadProgress } from "../../../engine/types.ts";

const MIB = 1024 ** 2;
const CLEAR_REST = "\x1b[K";

function progressOf(changes: Partial<DownloadProgress> = {}): DownloadProgress {
  return {
    file: "params_shard_3.bin",
    numBytes: 400 * MIB,
    totalBytes: 1600 * MIB,
    numFiles: 30,
    numFilesDone: 9,
    rate: 20 * MIB,
    ...changes,
  };
}

/** What a view of this width writes; `at` is the time in ms of each update. */
function record(isTerminal: boolean, columns = 100) {
  let time = 0;
  const written: string[] = [];
  const view = showDownloadProgress({
    isTerminal,
    write: (text) => written.push(text),
    columns: () => columns,
    now: () => time,
  });
  const update = (at: number, changes: Partial<DownloadProgress> = {}) => {
    time = at;
    view.update(progressOf(changes));
  };
  return { view, update, written };
}

Deno.test("showDownloadProgress() draws one line on a terminal", () => {
  const { update, written } = record(true);
  update(0);
  assert.deepEqual(written, [
    "\rDownloading ██████░░░░░░░░░░░░░░░░░░   25%  400 MiB/1.56 GiB  20.0 MiB/s  1:00 left  " +
    "9/30 files\x1b[K",
  ]);
});

Deno.test("showDownloadProgress() redraws ten times a second, and the end at once", () => {
  const { update, written } = record(true);
  for (let at = 0; at <= 1000; at += 10) update(at);
  assert.equal(written.length, 11);
  update(1001, { numFilesDone: 30, numBytes: 1600 * MIB });
  assert.ok(written.at(-1)!.endsWith(`100%  1.56 GiB/1.56 GiB  30/30 files${CLEAR_REST}`));
});

Deno.test("showDownloadProgress() fits every width", () => {
  const lines = Array.from({ length: 120 }, (_, columns) => {
    const { update, written } = record(true, columns);
    update(0);
    return written[0]!.slice("\r".length, -CLEAR_REST.length);
  });
  for (const [columns, line] of lines.entries()) assert.ok(line.length <= Math.max(0, columns - 1));
  assert.equal(lines[50], " 25%  400 MiB/1.56 GiB  20.0 MiB/s  1:00 left");
  assert.equal(lines[24], " 25%  400 MiB/1.56 GiB");
  assert.equal(lines[6], " 25%");
  assert.equal(lines[3], " …");
});

Deno.test("showDownloadProgress() tells what it can while a size is unknown", () => {
  const { update, written } = record(true);
  update(0, { totalBytes: null, numBytes: 900, rate: 0 });
  assert.equal(written[0], "\rDownloading 900 B  0 B/s  9/30 files\x1b[K");
});

Deno.test("showDownloadProgress() says that another process downloads", () => {
  const live = record(true);
  live.update(0, { isWaiting: true });
  assert.equal(live.written[0], "\rWaiting: another process is downloading this model\x1b[K");
  const plain = record(false);
  for (const at of [0, 1, 2]) plain.update(at, { isWaiting: true });
  assert.deepEqual(plain.written, ["Waiting: another process is downloading this model\n"]);
});

Deno.test("showDownloadProgress() takes the line away at the end, and nothing else", () => {
  const { view, update, written } = record(true);
  view.end();
  assert.deepEqual(written, []);
  update(0);
  view.end();
  view.end();
  assert.deepEqual(written.slice(1), ["\r\x1b[K"]);
});

Deno.test("showDownloadProgress() writes a line each tenth of the way without a terminal", () => {
  const { view, update, written } = record(false);
  for (let i = 0; i <= 1600; i++) {
    const numFilesDone = Math.floor(i / 1600 * 30);
    update(i, { numBytes: i * MIB, numFilesDone });
  }
  view.end();
  assert.equal(written.length, 11);
  assert.equal(
    written[1],
    "Downloading  10%  160 MiB/1.56 GiB  20.0 MiB/s  1:12 left  3/30 files\n",
  );
  assert.equal(written[10], "Downloading 100%  1.56 GiB/1.56 GiB  30/30 files\n");
});

Deno.test("showDownloadProgress() names times in seconds, minutes and hours", () => {
  for (
    const [rate, left] of [[1200, "1 s"], [24, "50 s"], [1, "20:00"], [0.25, "1:20:00"]] as const
  ) {
    const { update, written } = record(false);
    update(0, { rate: rate * MIB });
    assert.match(written[0]!, new RegExp(`  ${left} left  `));
  }
});
