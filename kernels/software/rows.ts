/**
 * Kernels of the software set that work row by row: embedding, norms behind a layer, staging.
 *
 * @module
 */
import q4 from "../lib/q4.wgsl" with { type: "text" };
import residual from "../lib/residual.wgsl" with { type: "text" };
import rowTiles from "../lib/row_tiles.wgsl" with { type: "text" };
import scalesF16 from "../lib/scales_f16.wgsl" with { type: "text" };
import scalesF32 from "../lib/scales_f32.wgsl" with { type: "text" };
import step from "../lib/step.wgsl" with { type: "text" };
import tableDense from "../lib/table_dense.wgsl" with { type: "text" };
import tableQ4 from "../lib/table_q4.wgsl" with { type: "text" };
import texelF16 from "../lib/texel_f16.wgsl" with { type: "text" };
import texelF32 from "../lib/texel_f32.wgsl" with { type: "text" };
import type { Kernel } from "../kernel.ts";
import { assembleKernel, memoize } from "../assemble.ts";
import embedTiled from "./embed_tiled.wgsl" with { type: "text" };
import { type Precision, residualBindings, stagedParts, type WeightFormat } from "./linear.ts";
import normAdd from "./norm_add.wgsl" with { type: "text" };
import stageRows from "./stage_rows.wgsl" with { type: "text" };

const TABLE_PARTS: Record<WeightFormat, readonly string[]> = {
  q4_int8: [scalesF16, q4, tableQ4],
  q4_int8_rows: [scalesF16, q4, tableQ4],
  q4_f32: [scalesF32, q4, tableQ4],
  dense_f16: [texelF16, tableDense],
  dense_f32: [texelF32, tableDense],
};

const BLOCK = `
// Eight columns.
struct Block {
  low: vec4f,
  high: vec4f,
}
`;

/** The embedding of a table in `format`, which leaves activations of `staged` precision. */
export const embedKernel: (
  options: { readonly format: WeightFormat; readonly staged: Precision },
) => Kernel = memoize(({ format, staged }) => {
  const name = `embed_${format}_${staged}`;
  return assembleKernel(name, {
    bindings: {
      tokens: ["read", "array<Token>"],
      w: ["texture_uint"],
      ...(format.startsWith("q4") ? { scales: ["texture_uint"] } : {}),
      ...residualBindings(staged),
    },
    parts: [
      step,
      rowTiles,
      BLOCK,
      ...TABLE_PARTS[format],
      ...stagedParts(staged).parts,
      residual,
      embedTiled.replace("ENTRY", name),
    ],
  });
});

/** The residual sum behind a norm of the layer's output. */
export const normAddKernel: (staged: Precision) => Kernel = memoize((staged) => {
  const name = `norm_add_${staged}`;
  return assembleKernel(name, {
    bindings: {
      x: ["read", "array<vec4f>"],
      post_gamma: ["read", "array<vec4f>"],
      ...residualBindings(staged),
    },
    parts: [LANES, ...stagedParts(staged).parts, residual, normAdd.replace("ENTRY", name)],
  });
});

/** Activations from a buffer. */
export const stageRowsKernel: (staged: Precision) => Kernel = memoize((staged) => {
  const name = `stage_rows_${staged}`;
  const { bindings, parts } = stagedParts(staged);
  return assembleKernel(name, {
    bindings: { x: ["read", "array<vec4f>"], ...bindings },
    parts: [LANES, ...parts, stageRows.replace("ENTRY", name)],
  });
});

const LANES = "const LANES = 8u;\n";
