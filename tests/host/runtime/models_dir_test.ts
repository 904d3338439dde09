import assert from "node:assert/strict";
import { createEngine, InvalidRequestError } from "../../../engine/mod.ts";
import { writePackageInto } from "../../support/mlc_package.ts";
import { makeTestDir } from "../../support/test_dir.ts";

Deno.test("Engine.listModels() and plan() look into a folder below the models directory", async () => {
  const modelsDir = makeTestDir();
  await Deno.mkdir(`${modelsDir}/org/mine`, { recursive: true });
  await writePackageInto(`${modelsDir}/org/mine`);
  const engine = createEngine({ modelsDir });
  for (const folder of ["org", `${modelsDir}/org`, "./org/../org/"]) {
    const models = await engine.listModels({ modelsDir: folder });
    const here = models.filter(({ materialized }) => materialized);
    assert.deepEqual(here.map(({ reference }) => reference), ["ollm-tiny", "mine"]);
    const { model } = await engine.plan({ model: "mine", modelsDir: folder });
    assert.equal(model.path, `${modelsDir}/org/mine`);
  }
});

Deno.test("Engine.listModels() and plan() refuse a folder outside the models directory", async () => {
  const [modelsDir, elsewhere] = [makeTestDir(), makeTestDir()];
  await Deno.symlink(elsewhere, `${modelsDir}/link`);
  const engine = createEngine({ modelsDir });
  for (const folder of ["..", "/", "/etc", elsewhere, "link", "absent", "\0", `${modelsDir}x`]) {
    await assert.rejects(engine.listModels({ modelsDir: folder }), InvalidRequestError, folder);
    await assert.rejects(engine.plan({ modelsDir: folder }), InvalidRequestError, folder);
  }
});
