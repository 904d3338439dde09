import assert from "node:assert/strict";
import type { ResolvedSettings } from "../../../cli/settings.ts";
import { runCli } from "../../support/cli_host.ts";

Deno.test("main() without a command prints the help and exits 2", async () => {
  const { code, stderr } = await runCli([]);
  assert.equal(code, 2);
  for (const command of ["prompt", "plan", "serve", "models"]) {
    assert.match(stderr, RegExp(command));
  }
});

Deno.test("main() prints help and version on request", async () => {
  const help = await runCli(["--help"]);
  assert.equal(help.code, 0);
  assert.match(help.stdout, /Usage: ollm/);
  const flag = await runCli(["serve", "--help"]);
  assert.match(
    flag.stdout,
    /--port <port> +port to bind: an integer from 1 to 65535\s+\(default:\s+8000\)/,
  );
  const version = await runCli(["--version"]);
  assert.equal(version.code, 0);
  assert.equal(version.stdout, "1.2.3\n");
});

Deno.test("main() exits 2 for an unknown command and for models alone", async () => {
  assert.equal((await runCli(["nope"])).code, 2);
  assert.equal((await runCli(["models"])).code, 2);
});

Deno.test("main() exits 78 for a bad environment or file", async () => {
  const env = await runCli(["plan"], { env: { OLLM_SERVER__PORT: "x" } });
  assert.equal(env.code, 78);
  assert.equal(
    env.stderr,
    'ollm: Cannot use OLLM_SERVER__PORT = "x": expected an integer from 1 to 65535\n',
  );
  const missing = await runCli(["plan"], { env: { OLLM_CONFIG_FILE: "missing.toml" } });
  assert.equal(missing.code, 78);
  assert.equal(
    missing.stderr,
    "ollm: Cannot read the settings file missing.toml: there is no such file\n",
  );
  const folder = await runCli(["plan"], { env: { OLLM_CONFIG_FILE: "/" } });
  assert.equal(folder.code, 78);
});

Deno.test("main() reads ollm.toml of the working directory", async () => {
  const cwd = await Deno.makeTempDir();
  await Deno.writeTextFile(`${cwd}/ollm.toml`, "[runtime]\nmodel_reference = 'nope'\n");
  const { stdout } = await runCli(["plan"], { cwd });
  assert.equal(JSON.parse(stdout).runtime_config.model_reference, "nope");
  await Deno.remove(cwd, { recursive: true });
});

Deno.test("ollm plan prints the plan as JSON, also of a model that cannot run", async () => {
  const known = await runCli(["plan"]);
  assert.equal(known.code, 0);
  const plan = JSON.parse(known.stdout);
  assert.equal(plan.runtime_plan.backend_id, "wgsl");
  assert.equal(plan.runtime_config.models_dir, "/nowhere/models");
  const unknown = await runCli(["plan", "--model", "nope"]);
  assert.equal(unknown.code, 0);
  assert.equal(JSON.parse(unknown.stdout).runtime_plan.backend_id, null);
});

Deno.test("ollm serve hands the settings to the server", async () => {
  let given: ResolvedSettings | undefined;
  const serve = (settings: ResolvedSettings) => {
    given = settings;
    return Promise.resolve();
  };
  const { code } = await runCli(["serve", "--port", "9000"], { serve });
  assert.equal(code, 0);
  assert.equal(given?.values.server.port, 9000);
});

Deno.test("ollm serve says where the server is if nobody brought it", async () => {
  const { code, stderr } = await runCli(["serve"]);
  assert.equal(code, 2);
  assert.match(stderr, /\.\/ollm serve/);
});

Deno.test("ollm serve exits 78 for an address that others can reach without a key", async () => {
  const serve = () => Promise.reject(new Error("must not be reached"));
  for (const address of ["0.0.0.0", "::", "192.168.0.2", "example.org", "127.0.0.1.evil.com"]) {
    for (const env of [{}, { OLLM_SERVER__HOST: address }]) {
      const args = "OLLM_SERVER__HOST" in env ? ["serve"] : ["serve", "--host", address];
      const { code, stderr } = await runCli(args, { env, serve });
      assert.equal(code, 78, address);
      assert.match(stderr, /^ollm: Cannot bind "[^\n]+\n$/);
    }
  }
  const withKey = await runCli(["serve", "--host", "0.0.0.0"], {
    env: { OLLM_SERVER__API_KEYS: "secret" },
    serve: () => Promise.resolve(),
  });
  assert.equal(withKey.code, 0);
  for (const address of ["localhost", "127.0.0.2", "::1"]) {
    const { code } = await runCli(["serve", "--host", address], { serve: () => Promise.resolve() });
    assert.equal(code, 0, address);
  }
});

Deno.test("ollm serve exits 2 for a bad flag, 69 for a taken port, 77 without permission", async () => {
  assert.equal((await runCli(["serve", "--port", "0"])).code, 2);
  const taken = () => Promise.reject(new Deno.errors.AddrInUse("Address already in use"));
  assert.equal((await runCli(["serve"], { serve: taken })).code, 69);
  const denied = () => Promise.reject(new Deno.errors.PermissionDenied("Permission denied"));
  assert.equal((await runCli(["serve"], { serve: denied })).code, 77);
});
