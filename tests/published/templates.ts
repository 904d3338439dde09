/**
 * Chat templates as models were published with them, out of a package that lists them.
 *
 * @module
 */
import "@huggingface/ollama-utils"; // only packages that are imported can be found on disk

/** A template by the name of its model. */
export interface PublishedTemplate {
  name: string;
  source: string;
}

/** Reads all templates of the package. It does not export them, but their file lies beside what it does export. */
export async function readPublishedTemplates(): Promise<PublishedTemplate[]> {
  const entry = import.meta.resolve("@huggingface/ollama-utils");
  const text = await Deno.readTextFile(new URL("../src/chat-template-automap.ts", entry));
  const list = text.slice(text.indexOf("= [") + 1);
  const url = URL.createObjectURL(
    new Blob([`export default ${list}`], { type: "text/javascript" }),
  );
  const { default: entries } = await import(url) as { default: { model: string; gguf: string }[] };
  URL.revokeObjectURL(url);
  const seen = new Map<string, number>();
  return entries.map(({ model, gguf }) => {
    const plain = model.replace("library/", "");
    const count = (seen.get(plain) ?? 0) + 1;
    seen.set(plain, count);
    return { name: count === 1 ? plain : `${plain}#${count}`, source: gguf };
  });
}

/** Templates among the fixtures: our own writing, in the form of published ones. */
export function readFixtureTemplates(): PublishedTemplate[] {
  const dir = new URL("../fixtures/templates/", import.meta.url);
  return [...Deno.readDirSync(dir)].map(({ name }) => name).filter((name) =>
    name.endsWith(".jinja")
  )
    .sort().map((name) => ({ name, source: Deno.readTextFileSync(new URL(name, dir)) }));
}
