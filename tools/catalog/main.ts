/**
 * Writes `engine/store/prebuilt.ts` anew: `deno run -A tools/catalog/main.ts`. A newer list needs its version in
 * `deno.json` and `published.ts`, and a look at `engine/store/model_family.ts` for architectures that are new.
 *
 * @module
 */
import { PUBLISHED } from "./published.ts";
import { renderCatalog } from "./render.ts";

const path = new URL("../../engine/store/prebuilt.ts", import.meta.url);
await Deno.writeTextFile(path, renderCatalog(PUBLISHED));
console.log(`Wrote ${PUBLISHED.models.length} models to ${path.pathname}`);
