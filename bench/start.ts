/**
 * Measures second starts of the embedded model up to its first token, on warm caches, and prints a Markdown table.
 *
 *     deno run -A bench/start.ts [--runs 7] [--against CHECKOUT]
 *
 * @module
 */
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { formatSpread, formatTable } from "./report.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const POLL_MS = 5;

/** From the start of `ollm prompt hi` to its first text, in ms. */
async function startPrompt(root: string): Promise<number> {
  const start = performance.now();
  const child = spawn(root, ["prompt", "hi", "--max-new-tokens", "2"]);
  const reader = child.stdout.getReader();
  await reader.read();
  const ms = performance.now() - start;
  await reader.cancel();
  await child.status;
  return ms;
}

/** From the start of `ollm serve` to the first text of a request that is sent as soon as the port is open, in ms. */
async function startServer(root: string): Promise<number> {
  const port = findFreePort();
  const start = performance.now();
  const child = spawn(root, ["serve", "--port", `${port}`, "--log-level", "error"]);
  try {
    const reply = await post(`http://127.0.0.1:${port}/v1/chat/completions`, {
      model: "ollm-tiny",
      messages: [{ role: "user", content: "hi" }],
      max_completion_tokens: 2,
      stream: true,
    });
    let text = "";
    for await (const piece of reply.body!.pipeThrough(new TextDecoderStream())) {
      text += piece;
      if (/"content":"[^"]/.test(text)) return performance.now() - start;
    }
    throw new Error(`The server sent no text, but ${text}`);
  } finally {
    child.kill("SIGTERM");
    await child.stdout.cancel();
    await child.status;
  }
}

function spawn(root: string, args: string[]): Deno.ChildProcess {
  return new Deno.Command(`${root}/ollm`, { args, stdout: "piped", stderr: "inherit" }).spawn();
}

/** Tries until the port is open. */
async function post(url: string, body: unknown): Promise<Response> {
  for (;;) {
    try {
      const headers = { "content-type": "application/json" };
      return await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}

function findFreePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

async function main(): Promise<void> {
  const { values: flags } = parseArgs({
    options: { runs: { type: "string", default: "7" }, against: { type: "string" } },
  });
  const checkouts: [mark: string, root: string][] = [["", ROOT]];
  if (flags.against) checkouts.push([" (against)", await Deno.realPath(flags.against)]);
  const series = checkouts.flatMap(([mark, root]) => [
    { name: `ollm prompt${mark}`, ms: [] as number[], run: () => startPrompt(root) },
    { name: `ollm serve and a request${mark}`, ms: [] as number[], run: () => startServer(root) },
  ]);
  for (const { run } of series) await run(); // fills the caches
  for (let i = 0; i < Number(flags.runs); i++) {
    for (const { ms, run } of series) ms.push(await run());
  }
  const load = Deno.loadavg()[0]?.toFixed(1) ?? "unknown";
  console.log(`${flags.runs} runs in turns; median (lowest to highest); load average ${load}\n`);
  console.log(formatTable(
    ["second start", "ms to the first token"],
    series.map(({ name, ms }) => [name, formatSpread(ms)]),
  ));
}

if (import.meta.main) await main();
