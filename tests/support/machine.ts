/**
 * Made-up machines for the launcher's tests: a PATH of stand-ins that note how they were called, and a system root
 * of their own.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { exists } from "./paths.ts";

/** The launcher under test. */
export const LAUNCHER = fileURLToPath(new URL("../../ollm", import.meta.url));
const TOOLS = "cat chmod cp dirname grep mkdir mv readlink rm sed tail".split(" ");
/** The version that the launcher installs. */
export const DENO_VERSION = "2.9.6";

/** What the stand-in for Deno notes when it is run: its arguments, then the environment the launcher made. */
const DENO_STUB = `#!/bin/sh
if [ "$1" = --version ]; then echo "deno VERSION (stable)"; exit; fi
echo "run $0 $*" >> "$CALLS"
echo "backend=$DENO_WEBGPU_BACKEND drivers=$VK_DRIVER_FILES libraries=$LD_LIBRARY_PATH" >> "$CALLS"
`;

/** Stand-in for npm: "installs" a stand-in for Deno. */
export const NPM_STUB = `#!/bin/sh
echo "npm $*" >> "$CALLS"
while [ "$1" != --prefix ]; do shift; done
mkdir -p "$2/node_modules/@deno/some-system"
cp "$STUBS/deno-to-install" "$2/node_modules/@deno/some-system/deno"
`;

/** Stand-in for apt-get: its simulation also names an upgrade and Python, which must not be unpacked. */
export const APT_STUB = `#!/bin/sh
case "$*" in
  *update*) echo "apt-get update" >> "$CALLS" ;;
  *--simulate*)
    echo "Inst libvulkan1 (1.3 Debian)"
    echo "Inst libc6 [2.36] (2.37 Debian)"
    echo "Inst python3 (3.11 Debian)"
    echo "Inst mesa-vulkan-drivers (22.3 Debian)" ;;
  *download*)
    while [ "$1" != download ]; do shift; done
    echo "apt-get $*" >> "$CALLS"; shift
    for name in "$@"; do echo "$name" > "$name.deb"; done ;;
  *) echo "apt-get $*" >> "$CALLS" ;;
esac
`;

/** Stand-in for dpkg: unpacks a loader and a driver manifest. */
export const DPKG_STUB = `#!/bin/sh
case "$2" in
  libvulkan1*) mkdir -p "$3/usr/lib/x86_64-linux-gnu"; echo > "$3/usr/lib/x86_64-linux-gnu/libvulkan.so.1" ;;
  mesa*)
    mkdir -p "$3/usr/share/vulkan/icd.d"
    echo '{"ICD": {"library_path": "/usr/lib/libvulkan_lvp.so"}}' > "$3/usr/share/vulkan/icd.d/lvp.json" ;;
esac
`;

/** A made-up machine. */
export interface Machine {
  /** Folder of the whole machine; removed after the test. */
  root: string;
  /** Adds a command to PATH. */
  command(name: string, script: string): void;
  /** Makes an empty file under the system root. */
  file(path: string): void;
  /** Runs the launcher. */
  run(args: string[], env?: Record<string, string>): Run;
}

/** What came of one start. */
export interface Run {
  code: number;
  /** What the launcher said, a line each. */
  said: string[];
  /** What the stand-ins noted, with the machine's folder written as `~`. */
  calls: string[];
}

/** A stand-in for Deno that says it has this version. */
export function denoStub(version: string): string {
  return DENO_STUB.replace("VERSION", version);
}

/** A machine with the usual small tools, and neither Deno nor a Vulkan driver. */
export function createMachine(options: { uid?: number; system?: string } = {}): Machine {
  const root = Deno.makeTempDirSync();
  const bin = `${root}/bin`;
  Deno.mkdirSync(bin);
  for (const tool of TOOLS) {
    const path = [`/usr/bin/${tool}`, `/bin/${tool}`].find((path) => exists(path));
    Deno.symlinkSync(path!, `${bin}/${tool}`);
  }
  const command = (name: string, script: string) =>
    Deno.writeTextFileSync(`${bin}/${name}`, script, { mode: 0o755 });
  command("id", `#!/bin/sh\necho ${options.uid ?? 1000}\n`);
  command(
    "uname",
    `#!/bin/sh\n[ "$1" = -m ] && echo x86_64 || echo ${options.system ?? "Linux"}\n`,
  );
  Deno.writeTextFileSync(`${root}/deno-to-install`, denoStub(DENO_VERSION), { mode: 0o755 });
  return {
    root,
    command,
    file(path) {
      const full = `${root}/system${path}`;
      Deno.mkdirSync(full.slice(0, full.lastIndexOf("/")), { recursive: true });
      Deno.writeTextFileSync(full, "");
    },
    run: (args, env = {}) => runLauncher(root, args, env),
  };
}

function runLauncher(root: string, args: string[], env: Record<string, string>): Run {
  const calls = `${root}/calls`;
  const { code, stderr } = new Deno.Command(LAUNCHER, {
    args,
    clearEnv: true,
    env: {
      PATH: `${root}/bin`,
      HOME: `${root}/home`,
      OLLM_SYSROOT: `${root}/system`,
      STUBS: root,
      CALLS: calls,
      ...env,
    },
  }).outputSync();
  const lines = (text: string) =>
    text.replaceAll(root, "~").replaceAll(/\.\d+\b/g, ".PID").split("\n").filter((line) => line);
  return {
    code,
    said: lines(new TextDecoder().decode(stderr).replaceAll(DENO_VERSION, "V")),
    calls: exists(calls) ? lines(Deno.readTextFileSync(calls).replaceAll(DENO_VERSION, "V")) : [],
  };
}
