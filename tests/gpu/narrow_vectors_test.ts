import { device } from "../support/gpu.ts";
import assert from "node:assert/strict";
import { resolve } from "node:path";

/** The driver's own does not tell code for vectors of eight from code for vectors of four. */
const SHADER_CACHE = resolve(".cache/vectors_of_four");

// A processor without AVX, or of another kind, runs four invocations side by side, where others run eight.
Deno.test({
  name: "kernels of the software set equal f64 on a driver with vectors of four",
  ignore: !device.info.description.startsWith("llvmpipe"),
  async fn(t) {
    await Deno.mkdir(SHADER_CACHE, { recursive: true });
    for (
      const [file, filter] of [
        ["linear_test.ts", "/of the software set/"],
        ["embed_test.ts", "/of the software set/"],
        ["software_attention_test.ts", "/./"],
        ["attention_test.ts", "/software/"],
      ] as const
    ) {
      await t.step(file, async () => {
        const { success, stdout } = await new Deno.Command(Deno.execPath(), {
          args: ["test", "-A", "--no-check", `--filter=${filter}`, `tests/gpu/${file}`],
          env: {
            LP_NATIVE_VECTOR_WIDTH: "128",
            MESA_SHADER_CACHE_DIR: SHADER_CACHE,
            NO_COLOR: "1",
          },
          stderr: "null",
        }).output();
        const report = new TextDecoder().decode(stdout);
        assert.ok(success, report);
        assert.match(report, /ok \| [1-9]\d* passed/);
      });
    }
  },
});
