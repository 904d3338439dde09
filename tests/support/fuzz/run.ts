/**
 * Sends random requests one after another and checks each reply.
 *
 * `OLLM_FUZZ_SEED` says which requests. The seed is fixed by default, so that a change that breaks something fails in
 * every run and not in some.
 *
 * @module
 */
import type { AppRoute } from "../routes.ts";
import { checkReply, type FuzzReply } from "./check_reply.ts";
import { createChoose } from "./choose.ts";
import { createFuzzRequest, type FuzzRequest } from "./requests.ts";

const SEED = Number(Deno.env.get("OLLM_FUZZ_SEED") ?? 1);

/** Options of {@linkcode runFuzz}. */
export interface RunFuzzOptions {
  numRequests: number;
  routes: AppRoute[];
  /** Host that the server takes. */
  host: string;
  /** A size that the server refuses, in bytes. */
  tooLarge: number;
  /** Without an answer for this long, the server hangs. */
  hangMs: number;
  /**
   * Sends a request and reads the reply; the client that `leaves` reads the first bytes only.
   *
   * @returns null when the request was refused before the app saw it
   */
  send: (request: FuzzRequest, leaves: boolean) => Promise<FuzzReply | null>;
}

/**
 * Runs, and prints the seed with the number of replies of each status.
 *
 * @throws {Error} with the request whose reply was not sound
 */
export async function runFuzz(options: RunFuzzOptions): Promise<Record<string, number>> {
  const { numRequests, hangMs, send } = options;
  const choose = createChoose(SEED);
  const ids: string[] = [];
  const numByStatus: Record<string, number> = {};
  for (let i = 0; i < numRequests; i++) {
    const request = createFuzzRequest({ ...options, choose, ids });
    const leaves = choose.chance(0.03);
    try {
      const reply = await withinTime(send(request, leaves), hangMs);
      if (reply !== null && !leaves && request.method !== "HEAD") checkReply(reply);
      const status = reply?.status ?? "refused";
      numByStatus[status] = (numByStatus[status] ?? 0) + 1;
      collectIds(reply?.text ?? "", ids);
    } catch (error) {
      throw new Error(`Request ${i} of seed ${SEED}: ${describe(request)}`, { cause: error });
    }
  }
  console.log(`seed ${SEED}:`, JSON.stringify(numByStatus));
  return numByStatus;
}

async function withinTime<T>(promise: Promise<T>, hangMs: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${hangMs} ms`)), hangMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

const ID = /"((?:resp|conv|msg|fc)_[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"/g;

/** Keeps the last few, so that old ones are forgotten as clients forget them. */
function collectIds(text: string, ids: string[]): void {
  for (const [, id] of text.slice(0, 2000).matchAll(ID)) {
    if (!ids.includes(id!)) ids.push(id!);
  }
  ids.splice(0, ids.length - 24);
}

function describe({ method, target, headers, body }: FuzzRequest): string {
  const text = body === null ? "no body" : new TextDecoder().decode(body).slice(0, 2000);
  return `${method} ${target} ${JSON.stringify(headers)} ${text}`;
}
