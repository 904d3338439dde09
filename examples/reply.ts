// Prints a reply: deno run -A examples/reply.ts "What is the capital of France?"
import { createEngine } from "../engine/mod.ts";

const content = Deno.args.join(" ") || "List three planets";
const engine = createEngine();
const reply = await engine.generate({ model: "ollm-tiny", messages: [{ role: "user", content }] });
for await (const event of reply) {
  if (event.type === "text") await Deno.stdout.write(new TextEncoder().encode(event.text));
}
await engine.close();
