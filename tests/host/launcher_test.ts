/**
 * The launcher on made-up machines: a PATH of stand-ins that note how they were called, and an empty system root.
 * Nothing is downloaded; the real downloads were tried by hand on a bare Debian 12.
 *
 * @module
 */
import assert from "node:assert/strict";

import {
  APT_STUB,
  createMachine,
  DENO_VERSION,
  denoStub,
  DPKG_STUB,
  LAUNCHER,
  type Machine,
  NPM_STUB,
} from "../support/machine.ts";

function launcherTest(name: string, machine: () => Machine, check: (machine: Machine) => void) {
  Deno.test({
    name: `ollm ${name}`,
    fn() {
      const made = machine();
      try {
        check(made);
      } finally {
        Deno.removeSync(made.root, { recursive: true });
      }
    },
  });
}

/** A machine on which nothing has to be set up. */
function readyMachine(): Machine {
  const machine = createMachine();
  machine.command("deno", denoStub(DENO_VERSION));
  machine.file("/usr/lib/x86_64-linux-gnu/libvulkan.so.1");
  machine.file("/usr/share/vulkan/icd.d/some.json");
  return machine;
}

const MAIN = LAUNCHER.replace(/ollm$/, "main.ts");

launcherTest(
  "runs main.ts with its arguments and says nothing when all is there",
  readyMachine,
  (m) => {
    const { code, said, calls } = m.run(["prompt", "two words", "--stdin"]);
    assert.equal(code, 0);
    assert.deepEqual(said, []);
    assert.deepEqual(calls, [
      `run ~/bin/deno run -A ${MAIN} prompt two words --stdin`,
      "backend=vulkan drivers= libraries=",
    ]);
  },
);

launcherTest("test and ok run the tasks", readyMachine, (m) => {
  m.run(["test"]);
  m.run(["ok"]);
  const { calls } = m.run(["test", "tests/host/some_test.ts"]);
  assert.deepEqual(calls.filter((line) => line.startsWith("run")), [
    "run ~/bin/deno task test",
    "run ~/bin/deno task ok",
    "run ~/bin/deno test -A tests/host/some_test.ts",
  ]);
});

launcherTest("deno passes its arguments to the Deno that was found", readyMachine, (m) => {
  assert.equal(m.run(["deno", "lint", "cli"]).calls[0], "run ~/bin/deno lint cli");
});

launcherTest("is found through a link from another folder", readyMachine, (m) => {
  Deno.symlinkSync(LAUNCHER, `${m.root}/bin/ollm`);
  const link = new Deno.Command(`${m.root}/bin/ollm`, {
    args: ["plan"],
    clearEnv: true,
    env: {
      PATH: `${m.root}/bin`,
      HOME: m.root,
      OLLM_SYSROOT: `${m.root}/system`,
      CALLS: `${m.root}/calls`,
    },
  }).outputSync();
  assert.equal(link.code, 0);
  assert.match(Deno.readTextFileSync(`${m.root}/calls`), new RegExp(`run -A ${MAIN} plan`));
});

launcherTest("takes the binary beside npm's script, so that signals arrive", () => {
  const machine = readyMachine();
  Deno.removeSync(`${machine.root}/bin/deno`);
  Deno.mkdirSync(`${machine.root}/npm`);
  Deno.writeTextFileSync(`${machine.root}/npm/bin.cjs`, "#!/bin/sh\nexit 1\n", { mode: 0o755 });
  Deno.writeTextFileSync(`${machine.root}/npm/deno`, denoStub(DENO_VERSION), { mode: 0o755 });
  Deno.symlinkSync(`${machine.root}/npm/bin.cjs`, `${machine.root}/bin/deno`);
  return machine;
}, (m) => {
  assert.match(m.run(["plan"]).calls[0]!, /^run ~\/npm\/deno /);
});

for (const version of ["2.9.6", "2.10.0", "3.0.0", "2.9.7+abc"]) {
  launcherTest(`takes Deno ${version}`, readyMachine, (m) => {
    m.command("deno", denoStub(version));
    assert.deepEqual(m.run(["plan"]).said, []);
  });
}

for (const version of ["2.9.5", "2.8.10", "1.46.3", "unknown"]) {
  launcherTest(`does not take Deno ${version}`, readyMachine, (m) => {
    m.command("deno", denoStub(version));
    const { code, said } = m.run(["plan"]);
    assert.equal(code, 69);
    assert.equal(said.length, 1);
    assert.match(said[0]!, /^ollm: Deno V or newer is needed.*: get it from/);
  });
}

launcherTest("installs Deno with npm once", () => {
  const machine = readyMachine();
  Deno.removeSync(`${machine.root}/bin/deno`);
  machine.command("npm", NPM_STUB);
  return machine;
}, (m) => {
  const first = m.run(["plan"]);
  assert.deepEqual(first.said, [
    "ollm: installing Deno V with npm into ~/home/.cache/ollm/deno-V",
  ]);
  assert.match(
    first.calls[0]!,
    /^npm install --prefix ~\/home\/\.cache\/ollm\/deno\.PID .* deno@V$/,
  );
  const second = m.run(["plan"]);
  assert.deepEqual(second.said, []);
  assert.deepEqual(second.calls.filter((line) => line.startsWith("run")), [
    `run ~/home/.cache/ollm/deno-V/node_modules/@deno/some-system/deno run -A ${MAIN} plan`,
    `run ~/home/.cache/ollm/deno-V/node_modules/@deno/some-system/deno run -A ${MAIN} plan`,
  ]);
});

launcherTest("says what npm said when it fails, and leaves nothing half done", () => {
  const machine = readyMachine();
  Deno.removeSync(`${machine.root}/bin/deno`);
  machine.command("npm", "#!/bin/sh\necho no space left\nexit 1\n");
  return machine;
}, (m) => {
  const { code, said } = m.run(["plan"]);
  assert.equal(code, 69);
  assert.match(said[1]!, /npm could not install Deno: no space left/);
  assert.deepEqual([...Deno.readDirSync(`${m.root}/home/.cache/ollm`)].map((entry) => entry.name), [
    "deno-setup.log",
  ]);
});

launcherTest("OLLM_NO_SETUP=1 reports a missing Deno", () => {
  const machine = readyMachine();
  Deno.removeSync(`${machine.root}/bin/deno`);
  machine.command("npm", NPM_STUB);
  return machine;
}, (m) => {
  const { code, said, calls } = m.run(["plan"], { OLLM_NO_SETUP: "1" });
  assert.equal(code, 69);
  assert.match(said[0]!, /or unset OLLM_NO_SETUP$/);
  assert.deepEqual(calls, []);
});

/** Deno is there, apt-get is there, a Vulkan driver is not. */
function driverlessMachine(uid: number): Machine {
  const machine = createMachine({ uid });
  machine.command("deno", denoStub(DENO_VERSION));
  machine.command("apt-get", APT_STUB);
  machine.command("dpkg", DPKG_STUB);
  return machine;
}

launcherTest("installs the Vulkan driver as root", () => driverlessMachine(0), (m) => {
  const { code, said, calls } = m.run(["plan"]);
  assert.equal(code, 0);
  assert.deepEqual(said, [
    "ollm: installing libvulkan1 mesa-vulkan-drivers with apt-get (no Vulkan driver found)",
  ]);
  assert.equal(
    calls[0],
    "apt-get install -y --no-install-recommends libvulkan1 mesa-vulkan-drivers",
  );
});

launcherTest(
  "renews the package lists when the first try fails",
  () => driverlessMachine(0),
  (m) => {
    m.command(
      "apt-get",
      `#!/bin/sh\necho "apt-get $1" >> "$CALLS"\n[ "$1" = update ] && : > "$CALLS.updated"\n[ -e "$CALLS.updated" ]\n`,
    );
    const { said, calls } = m.run(["plan"]);
    assert.equal(said.length, 1);
    assert.deepEqual(calls.slice(0, 3), ["apt-get install", "apt-get update", "apt-get install"]);
  },
);

launcherTest(
  "unpacks the driver for a user, without libc and Python",
  () => driverlessMachine(1000),
  (m) => {
    const { code, said, calls } = m.run(["plan"]);
    assert.equal(code, 0);
    assert.equal(said.length, 1);
    assert.match(
      said[0]!,
      /unpacking libvulkan1 mesa-vulkan-drivers under ~\/home\/\.cache\/ollm\/vulkan/,
    );
    assert.deepEqual(calls.slice(0, 2), [
      "apt-get update",
      "apt-get download libvulkan1 mesa-vulkan-drivers",
    ]);
    const unpacked = "~/home/.cache/ollm/vulkan";
    assert.equal(
      calls[3],
      `backend=vulkan drivers=${unpacked}/usr/share/vulkan/icd.d/lvp.json ` +
        `libraries=${unpacked}/usr/lib/x86_64-linux-gnu:${unpacked}/lib/x86_64-linux-gnu`,
    );
    assert.match(
      Deno.readTextFileSync(`${m.root}/home/.cache/ollm/vulkan/usr/share/vulkan/icd.d/lvp.json`),
      new RegExp(`"library_path": "${m.root}/home/.cache/ollm/vulkan/usr/lib/libvulkan_lvp.so"`),
    );
    assert.deepEqual(
      m.run(["plan"]).said,
      [],
      "the second start must find what the first unpacked",
    );
  },
);

launcherTest("adds only the loader where a driver is there", () => driverlessMachine(1000), (m) => {
  m.file("/etc/vulkan/icd.d/card.json");
  const { said, calls } = m.run(["plan"]);
  assert.match(said[0]!, /unpacking libvulkan1 under/);
  assert.match(calls.at(-1)!, /^backend=vulkan drivers= libraries=~\/home/);
});

launcherTest(
  "OLLM_NO_SETUP=1 reports a missing driver and runs",
  () => driverlessMachine(0),
  (m) => {
    const { code, said, calls } = m.run(["plan"], { OLLM_NO_SETUP: "1" });
    assert.equal(code, 0);
    assert.match(
      said[0]!,
      /no Vulkan driver, so no model can run: install libvulkan1 mesa-vulkan-drivers/,
    );
    assert.match(calls[0]!, /^run /);
  },
);

launcherTest(
  "leaves VK_DRIVER_FILES alone and says when it names nothing",
  () => driverlessMachine(0),
  (m) => {
    m.file("/usr/lib/x86_64-linux-gnu/libvulkan.so.1");
    const { said, calls } = m.run(["plan"], { VK_DRIVER_FILES: "/no/such.json" });
    assert.deepEqual(said, ["ollm: VK_DRIVER_FILES names no file that exists: /no/such.json"]);
    assert.equal(calls[1], "backend=vulkan drivers=/no/such.json libraries=");
  },
);

launcherTest("sets up no driver on macOS", () => createMachine({ system: "Darwin" }), (m) => {
  m.command("deno", denoStub(DENO_VERSION));
  const { said, calls } = m.run(["plan"]);
  assert.deepEqual(said, []);
  assert.equal(calls[1], "backend= drivers= libraries=");
});
