import assert from "node:assert/strict";
import { createTestApp } from "../../support/app.ts";

const { send } = createTestApp();

/** Addresses that a page loads. */
function linksOf(html: string): string[] {
  return [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link!);
}

for (const path of ["/docs", "/redoc"]) {
  Deno.test(`${path} is a page of local files without a script of its own`, async () => {
    const response = await send(path);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), "text/html; charset=utf-8");
    const policy = response.headers.get("content-security-policy")!;
    assert.match(policy, /^default-src 'none'; script-src 'self';/);
    assert.doesNotMatch(policy, /https?:|\*|unsafe-eval/);
    const html = await response.text();
    assert.doesNotMatch(html, /<script>|<script [^>]*>[^<]|\son\w+=|https?:/);
    const links = linksOf(html).filter((link) => !link.startsWith("data:"));
    assert.ok(links.length >= 2);
    for (const link of links) {
      const asset = await send(`/${link}`);
      assert.equal(asset.status, 200, link);
      assert.match(asset.headers.get("content-type")!, /^text\/(?:css|javascript); charset=utf-8$/);
      assert.equal(asset.headers.get("x-content-type-options"), "nosniff");
      assert.ok((await asset.text()).length > 100, link);
    }
  });
}

Deno.test("docsAsset() sends a packed file to those who take one, and the file to others", async () => {
  const plain = await send("/docs/swagger-ui.css");
  assert.equal(plain.headers.get("content-encoding"), null);
  const packed = await send("/docs/swagger-ui.css", { headers: { "accept-encoding": "br, gzip" } });
  assert.equal(packed.headers.get("content-encoding"), "gzip");
  assert.equal(packed.headers.get("vary"), "Accept-Encoding");
  const unpacked = packed.body!.pipeThrough(new DecompressionStream("gzip"));
  assert.equal(await new Response(unpacked).text(), await plain.text());
});

Deno.test("docsAsset() knows its files and no others", async () => {
  const names = [
    ...["VERSIONS", "swagger-ui.css.gz", "swagger-ui.LICENSE", "toString", "__proto__"],
    ...["..%2Fpages.ts", "%2e%2e%2fassets.ts", "%2Fetc%2Fpasswd", "swagger-ui.css%00"],
  ];
  for (const name of names) assert.equal((await send(`/docs/${name}`)).status, 404, name);
});

Deno.test("docsAsset() gives ReDoc without the picture that it would fetch from elsewhere", async () => {
  const text = await (await send("/docs/redoc.standalone.js")).text();
  assert.doesNotMatch(text, /cdn\.redoc|fonts\.googleapis/);
});
