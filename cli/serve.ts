import type { Command } from "commander";
import { UnsafeBindError, UsageError } from "./exit.ts";
import { addSettingFlags, type FlagGroup, readSettingFlags } from "./flags.ts";
import type { Host } from "./host.ts";
import { readSettings } from "./read_settings.ts";
import type { ResolvedSettings } from "./settings.ts";

const GROUPS: FlagGroup[] = ["model", "server"];

/** Runs the server until it is told to stop. This room cannot see the server, so someone else brings it. */
export type Serve = (settings: ResolvedSettings, host: Host) => Promise<void>;

/** `ollm serve`. */
export function addServeCommand(program: Command, host: Host, serve: Serve | undefined): void {
  const command = program.command("serve")
    .description("Serve the OpenAI-compatible API and the native one over HTTP");
  addSettingFlags(command, GROUPS).action(async (options) => {
    if (serve === undefined) {
      throw new UsageError(
        "The server is not part of this entry; run ./ollm serve or main.ts serve",
      );
    }
    const settings = readSettings(host, readSettingFlags(options, GROUPS));
    requireKeysOrLoopback(settings);
    await serve(settings, host);
  });
}

/** Whoever reaches the port uses the device: strangers need a key. */
function requireKeysOrLoopback({ values, origins }: ResolvedSettings): void {
  const { host, api_keys: keys } = values.server;
  if (keys.length > 0) return;
  if (/^(?:localhost|127(?:\.\d{1,3}){3}|::1)$/i.test(host)) return;
  throw new UnsafeBindError(host, origins.get("server.host")!.name);
}
