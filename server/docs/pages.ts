/**
 * `/docs` and `/redoc`: two views of `/openapi.json`, from local files alone.
 *
 * @module
 */
import type { AppContext } from "../context.ts";

/**
 * Nothing from elsewhere, and no script that is not a file of ours. Both pages write styles of their own and draw small
 * pictures from data; ReDoc searches in a worker that it makes from its own text.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "worker-src blob:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** `GET /docs`: Swagger UI, which can also send requests. */
export function swaggerUi() {
  return (c: AppContext): Response =>
    page(c, {
      title: "oLLM: Swagger UI",
      styles: ["swagger-ui.css"],
      scripts: ["swagger-ui-bundle.js", "swagger_start.js"],
    });
}

/** `GET /redoc`: ReDoc, which is for reading. */
export function redoc() {
  return (c: AppContext): Response =>
    page(c, {
      title: "oLLM: ReDoc",
      styles: [],
      scripts: ["redoc.standalone.js", "redoc_start.js"],
    });
}

/** @param options.styles names below `/docs/`, as are `scripts` */
function page(
  c: AppContext,
  { title, styles, scripts }: { title: string; styles: string[]; scripts: string[] },
): Response {
  const head = styles.map((name) => `<link rel="stylesheet" href="docs/${name}">\n`).join("");
  const tail = scripts.map((name) => `<script src="docs/${name}"></script>\n`).join("");
  return c.html(
    `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>body { margin: 0 }</style>
${head}</head>
<body>
<div id="page"></div>
${tail}</body>
</html>
`,
    200,
    { "content-security-policy": POLICY, "content-type": "text/html; charset=utf-8" },
  );
}
