/**
 * Runs the cases against the server at `OLLM_BASE_URL` with the model `OLLM_MODEL`, or else against two servers of its
 * own: one that keeps responses and one that does not. Further arguments go to `deno test`.
 *
 * @module
 */
import { startServer } from "../support/server_process.ts";

const HERE = new URL(".", import.meta.url);
/** Cases that need a server with a response store, and cases that need one without. */
const STORED = "stored_test.ts";
const STORELESS = "storeless_test.ts";

/** Where the cases find their servers; null where there is none of the kind. */
interface Servers {
  stored: string | null;
  storeless: string | null;
}

if (import.meta.main) {
  const given = Deno.env.get("OLLM_BASE_URL");
  Deno.exit(given === undefined ? await runOnOwnServers() : await run(await lookAt(given)));
}

async function runOnOwnServers(): Promise<number> {
  await using stored = await startServer({
    env: { OLLM_SERVER__RESPONSE_STORE_BACKEND: "memory" },
  });
  await using storeless = await startServer();
  return await run({ stored: stored.baseUrl, storeless: storeless.baseUrl });
}

/** Finds out whether the server keeps responses. */
async function lookAt(url: string): Promise<Servers> {
  const baseUrl = url.replace(/(?:\/v1)?\/*$/, "/v1");
  const response = await fetch(`${baseUrl}/responses/resp_${"0".repeat(32)}`);
  await response.body?.cancel();
  const keeps = response.status === 404;
  return { stored: keeps ? baseUrl : null, storeless: keeps ? null : baseUrl };
}

async function run({ stored, storeless }: Servers): Promise<number> {
  const left = stored === null ? STORED : storeless === null ? STORELESS : null;
  if (left !== null) console.log(`Not run against this server: ${left}`);
  const { success } = await new Deno.Command(Deno.execPath(), {
    // Types are checked by `deno task check`, once, not by every run.
    args: ["test", "-A", "--no-check", "--config", "deno.json", ...Deno.args, ...listFiles(left)],
    cwd: HERE,
    env: { OLLM_BASE_URL: (stored ?? storeless)!, OLLM_STORELESS_URL: storeless ?? "" },
  }).spawn().status;
  return success ? 0 : 1;
}

function listFiles(left: string | null): string[] {
  const names = [...Deno.readDirSync(HERE)].map(({ name }) => name);
  return names.filter((name) => name.endsWith("_test.ts") && name !== left).sort();
}
