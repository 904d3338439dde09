/**
 * The files of the documentation pages. The big ones lie packed beside this module (`tools/docs_assets/update.sh` puts
 * them there) and go out as they lie; a compiled program brings the folder along.
 *
 * @module
 */
import type { AppContext } from "../context.ts";
import { ApiError } from "../errors.ts";

/** The pages' own scripts: a policy that forbids inline ones needs them as files. */
const SCRIPTS: Readonly<Record<string, string>> = {
  "swagger_start.js": `SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#page",
  deepLinking: true,
  validatorUrl: null, // would send the document to another server
});
`,
  "redoc_start.js": `Redoc.init("openapi.json", {
  hideLogo: true,
  nativeScrollbars: true,
  theme: { typography: { fontFamily: "sans-serif", headings: { fontFamily: "sans-serif" } } },
}, document.getElementById("page"));
`,
};

const PACKED = ["swagger-ui.css", "swagger-ui-bundle.js", "redoc.standalone.js"];

/** `GET /docs/{asset}`. */
export function docsAsset() {
  return async (c: AppContext): Promise<Response> => {
    const name = c.req.param("asset") ?? "";
    const headers = { "content-type": typeOf(name) };
    const script = Object.hasOwn(SCRIPTS, name) ? SCRIPTS[name] : undefined;
    if (script !== undefined) return new Response(script, { headers });
    if (!PACKED.includes(name)) throw new ApiError(404, "Not Found", { code: "not_found" });
    const packed = await Deno.readFile(new URL(`./assets/${name}.gz`, import.meta.url));
    if (/\bgzip\b/.test(c.req.header("accept-encoding") ?? "")) {
      return new Response(packed, {
        headers: { ...headers, "content-encoding": "gzip", vary: "Accept-Encoding" },
      });
    }
    return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip")), {
      headers: { ...headers, vary: "Accept-Encoding" },
    });
  };
}

function typeOf(name: string): string {
  return `text/${name.endsWith(".css") ? "css" : "javascript"}; charset=utf-8`;
}
