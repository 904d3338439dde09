/**
 * Vectors as openai-node asks for them, in base64; printed as JSON for tests that have no part in these packages.
 *
 *     deno run -A --config tests/conformance/deno.json tests/conformance/print_embeddings.ts URL MODEL TEXT …
 *
 * @module
 */
import OpenAI from "openai";

const [baseURL, model, ...input] = Deno.args;
const client = new OpenAI({ baseURL: baseURL!, apiKey: "unused" });
// Without a format the client asks for base64 and decodes it.
const { data, usage } = await client.embeddings.create({ model: model!, input });
console.log(JSON.stringify({ vectors: data.map(({ embedding }) => embedding), usage }));
