/**
 * The compiled program, alone: in an empty directory, with an empty home and without the sources. Compiles it first, which needs
 * Deno's base binary; or tests the binary that `OLLM_BINARY` names.
 *
 * @module
 */
import assert from "node:assert/strict";
import { resolve } from "node:path";
import config from "../../deno.json" with { type: "json" };
import { startServer } from "../support/server_process.ts";
import { makeTestDir } from "../support/test_dir.ts";

/** Where the launcher may have put the Vulkan driver. */
const DRIVER = ["VK_DRIVER_FILES", "LD_LIBRARY_PATH", "DENO_WEBGPU_BACKEND"];

const PROGRAM = {
  path: await findBinary(),
  cwd: makeTestDir(),
  clearEnv: true,
  env: {
    HOME: makeTestDir(),
    ...Object.fromEntries(
      Object.entries(Deno.env.toObject()).filter(([name]) => DRIVER.includes(name)),
    ),
  },
};

async function findBinary(): Promise<string> {
  const given = Deno.env.get("OLLM_BINARY");
  if (given !== undefined) return resolve(given);
  const path = `${makeTestDir()}/ollm`;
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "compile", "--output", path],
  }).spawn().status;
  assert.ok(success, "deno task compile failed");
  return path;
}

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const { code, stdout, stderr } = await new Deno.Command(PROGRAM.path, { ...PROGRAM, args })
    .output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, out: out!, err: err! };
}

Deno.test("ollm --version prints the version", async () => {
  assert.deepEqual(await run("--version"), { code: 0, out: `${config.version}\n`, err: "" });
});

Deno.test("ollm --help names the commands", async () => {
  const { code, out } = await run("--help");
  assert.equal(code, 0);
  for (const command of ["prompt", "plan", "serve", "models"]) {
    assert.match(out, new RegExp(`^  ${command} `, "m"));
  }
});

Deno.test("ollm prompt answers with the embedded model", async () => {
  assert.deepEqual(await run("prompt", "What is the capital of France?"), {
    code: 0,
    out: "The capital of France is Paris.\n",
    err: "",
  });
});

Deno.test("ollm serve answers, streams, follows a schema and shows its pages", async (t) => {
  await using server = await startServer({ program: PROGRAM });
  const messages = [{ role: "user", content: "List three planets" }];
  const ask = (fields: Record<string, unknown>) =>
    fetch(`${server.baseUrl}/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "ollm-tiny", messages, ...fields }),
    });

  await t.step("/v1/models lists the embedded model", async () => {
    const { data } = await (await fetch(`${server.baseUrl}/models`)).json();
    assert.deepEqual(data.map(({ id }: { id: string }) => id), ["ollm-tiny"]);
  });
  await t.step("/v1/chat/completions answers", async () => {
    const { choices } = await (await ask({})).json();
    assert.equal(choices[0].message.content, "1. Mercury\n2. Venus\n3. Earth");
  });
  await t.step("/v1/chat/completions streams", async () => {
    const events = (await (await ask({ stream: true })).text()).trimEnd().split("\n\n");
    assert.equal(events.pop(), "data: [DONE]");
    const deltas = events.map((event) => JSON.parse(event.slice(6)).choices[0].delta.content ?? "");
    assert.equal(deltas.join(""), "1. Mercury\n2. Venus\n3. Earth");
  });
  await t.step("the worker of grammars holds an answer to its schema", async () => {
    const schema = {
      type: "object",
      properties: { known: { type: "boolean" } },
      required: ["known"],
      additionalProperties: false,
    };
    const json_schema = { name: "answer", strict: true, schema };
    const reply = await ask({ response_format: { type: "json_schema", json_schema } });
    const { choices } = await reply.json();
    assert.equal(typeof JSON.parse(choices[0].message.content).known, "boolean");
  });
  for (const page of ["docs", "redoc"]) {
    await t.step(`/${page} loads all its files`, async () => {
      const html = await (await fetch(new URL(`/${page}`, server.baseUrl))).text();
      const links = [...html.matchAll(/(?:src|href)="(docs\/[^"]+)"/g)].map(([, link]) => link!);
      assert.ok(links.length >= 2);
      for (const link of links) {
        const asset = await fetch(new URL(`/${link}`, server.baseUrl));
        assert.equal(asset.status, 200, link);
        assert.ok((await asset.text()).length > 100, link);
      }
    });
  }
});
