import assert from "node:assert/strict";
import type { DownloadProgress } from "../../../engine/mod.ts";
import { SharedDownloads } from "../../../engine/runtime/shared_downloads.ts";

const PROGRESS: DownloadProgress = {
  file: "params_shard_0.bin",
  numBytes: 5,
  totalBytes: 10,
  numFiles: 1,
  numFilesDone: 0,
  rate: 1,
};

/** A download that ends when it is told to, and counts how often it was begun. */
function createFetch() {
  const end = Promise.withResolvers<void>();
  const fetch = {
    numStarted: 0,
    signal: undefined as AbortSignal | undefined,
    end,
    async run(
      { signal, onProgress }: { signal: AbortSignal; onProgress: (p: DownloadProgress) => void },
    ) {
      fetch.numStarted++;
      fetch.signal = signal;
      onProgress(PROGRESS);
      signal.addEventListener("abort", () => end.reject(signal.reason));
      await end.promise;
    },
  };
  return fetch;
}

Deno.test("SharedDownloads.join() fetches once for all, and tells late comers how far it is", async () => {
  const downloads = new SharedDownloads();
  const fetch = createFetch();
  const seen: string[] = [];
  const join = (name: string) =>
    downloads.join("a", fetch.run, { onProgress: ({ file }) => seen.push(`${name} ${file}`) });
  const first = join("first");
  await new Promise((resolve) => setTimeout(resolve));
  const second = join("second");
  assert.deepEqual(seen, ["first params_shard_0.bin", "second params_shard_0.bin"]);
  fetch.end.resolve();
  await Promise.all([first, second]);
  assert.equal(fetch.numStarted, 1);
  const other = createFetch();
  other.end.resolve();
  await downloads.join("a", other.run);
  assert.equal(other.numStarted, 1, "the next one starts anew");
});

Deno.test("SharedDownloads.join() goes on for those who stay and stops for nobody", async () => {
  const downloads = new SharedDownloads();
  const fetch = createFetch();
  const [leaves, stays] = [new AbortController(), new AbortController()];
  const first = downloads.join("a", fetch.run, { signal: leaves.signal });
  const second = downloads.join("a", fetch.run, { signal: stays.signal });
  await new Promise((resolve) => setTimeout(resolve));
  leaves.abort();
  await assert.rejects(first, { name: "AbortError" });
  assert.equal(fetch.signal!.aborted, false);
  stays.abort();
  await assert.rejects(second, { name: "AbortError" });
  assert.equal(fetch.signal!.aborted, true);
  assert.equal(fetch.numStarted, 1);
});

Deno.test("SharedDownloads.join() gives a failure to all, and close() stops everything", async () => {
  const downloads = new SharedDownloads();
  const fetch = createFetch();
  const joined = [downloads.join("a", fetch.run), downloads.join("a", fetch.run)];
  fetch.end.reject(new Error("cut"));
  for (const promise of joined) await assert.rejects(promise, /cut/);
  const open = createFetch();
  const last = downloads.join("a", open.run);
  last.catch(() => {});
  await new Promise((resolve) => setTimeout(resolve));
  downloads.close(new Error("closed"));
  await assert.rejects(last, /closed/);
});
