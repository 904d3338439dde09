/**
 * The second implementation: the Rust library `tokenizers`, compiled to WebAssembly. It is written for browsers: while it is
 * loaded, it must find a location and no Node.
 *
 * @module
 */

/** What is used of the library. */
export interface SecondTokenizer {
  /** Control tokens in the text become ids; nothing is put around the text. */
  encode(text: string): Int32Array;
  /** Special tokens included. */
  decode(ids: Int32Array): string;
  dispose(): void;
}

interface WebTokenizers {
  Tokenizer: { fromJSON(json: ArrayBuffer): Promise<SecondTokenizer> };
}

const SMALLEST = {
  version: "1.0",
  added_tokens: [],
  model: { type: "BPE", vocab: { a: 0 }, merges: [] },
};

const library = await loadLibrary();

/** Builds the second implementation from a `tokenizer.json`. */
export async function createSecond(tokenizer: unknown): Promise<SecondTokenizer> {
  const json = new TextEncoder().encode(JSON.stringify(tokenizer));
  return await library.Tokenizer.fromJSON(json.buffer);
}

async function loadLibrary(): Promise<WebTokenizers> {
  const globals = globalThis as unknown as Record<string, unknown>;
  const shims = { process: undefined, location: { href: "file:///" } };
  const hidden = Object.keys(shims).map((name) =>
    [name, Object.getOwnPropertyDescriptor(globals, name)] as const
  );
  for (const [name, value] of Object.entries(shims)) {
    Object.defineProperty(globals, name, { value, configurable: true, writable: true });
  }
  try {
    await import("@mlc-ai/web-tokenizers");
    const library = globals.tokenizers as WebTokenizers;
    // The first tokenizer starts the WebAssembly module, which looks around once more.
    const json = new TextEncoder().encode(JSON.stringify(SMALLEST));
    (await library.Tokenizer.fromJSON(json.buffer)).dispose();
    return library;
  } finally {
    for (const [name, descriptor] of hidden) {
      if (descriptor === undefined) delete globals[name];
      else Object.defineProperty(globals, name, descriptor);
    }
  }
}
