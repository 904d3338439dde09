/**
 * How a command ends: an exit code, and one line that says why.
 *
 * @module
 */
import { CommanderError } from "commander";
import { EngineError } from "../engine/mod.ts";
import { escapeControls } from "./terminal.ts";
import { SettingsError } from "./settings.ts";

/** Exit codes; those from 64 are sysexits(3)'s. */
export const EXIT = {
  ok: 0,
  failure: 1,
  usage: 2,
  /** No adapter, or the port is taken. */
  unavailable: 69,
  noPermission: 77,
  badSettings: 78,
  /** 128 + SIGINT. */
  interrupted: 130,
  /** 128 + SIGPIPE: the reader of our output left. */
  brokenPipe: 141,
} as const;

/** A command that was called in a way that makes no sense. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** An address that would open the server to the network. */
export class UnsafeBindError extends Error {
  override name = "UnsafeBindError";
  /** @param host the address; `origin` says where it was set */
  constructor(readonly host: string, readonly origin: string) {
    super(
      `Cannot bind ${
        JSON.stringify(host)
      } (${origin}): without an API key the server answers this machine only; ` +
        "set [server] api_keys, or use 127.0.0.1, ::1 or localhost",
    );
  }
}

/** The exit code of a command that threw. */
export function toExitCode(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof UnsafeBindError) return EXIT.badSettings;
  if (isAbort(error)) return EXIT.interrupted;
  if (lacksPermission(error)) return EXIT.noPermission;
  if (error instanceof SettingsError) return error.kind === "flag" ? EXIT.usage : EXIT.badSettings;
  if (error instanceof EngineError && error.code === "device_unavailable") return EXIT.unavailable;
  if (error instanceof Deno.errors.AddrInUse) return EXIT.unavailable;
  if (error instanceof Deno.errors.AddrNotAvailable) return EXIT.unavailable;
  if (error instanceof Deno.errors.BrokenPipe) return EXIT.brokenPipe;
  return EXIT.failure;
}

/** What to print, in one line; empty when it has been said or nobody reads it. */
export function toErrorLine(error: unknown): string {
  if (error instanceof CommanderError || error instanceof Deno.errors.BrokenPipe) return "";
  if (isAbort(error)) return "";
  const message = error instanceof Error ? error.message : String(error);
  return `ollm: ${escapeControls(message.replace(/\s*\n\s*/g, " "))}`;
}

/** Whether the system refused, or what failed on top of that. */
function lacksPermission(error: unknown): boolean {
  if (error instanceof Deno.errors.PermissionDenied) return true;
  if (error instanceof Deno.errors.NotCapable) return true;
  return error instanceof Error && error.cause !== undefined && lacksPermission(error.cause);
}

function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}
