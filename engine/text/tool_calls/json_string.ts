/**
 * Decodes a JSON string that arrives in pieces.
 *
 * @module
 */

const ESCAPES: Readonly<Record<string, string>> = {
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

/** Decodes what stands behind the opening quote. */
export class JsonStringDecoder {
  /** Whether the closing quote was seen. */
  isDone = false;
  #escape = "";
  #surrogate = "";

  /** @returns text that the character completes */
  push(char: string): string {
    if (this.#escape === "") {
      if (char === '"') {
        this.isDone = true;
        return this.flush();
      }
      if (char !== "\\") return this.flush() + char;
      this.#escape = "\\";
      return "";
    }
    this.#escape += char;
    if (this.#escape.length === 2) {
      if (char === "u") return "";
      this.#escape = "";
      return this.flush() + (ESCAPES[char] ?? char);
    }
    if (this.#escape.length < 6) return "";
    const code = parseInt(this.#escape.slice(2), 16);
    this.#escape = "";
    return this.#complete(Number.isNaN(code) ? 0xfffd : code);
  }

  /** Half a character that nothing completed. */
  flush(): string {
    const text = this.#surrogate === "" ? "" : "\ufffd";
    this.#surrogate = "";
    return text;
  }

  #complete(code: number): string {
    const unit = String.fromCharCode(code);
    if (code >= 0xd800 && code < 0xdc00) {
      const before = this.flush();
      this.#surrogate = unit;
      return before;
    }
    if (code < 0xdc00 || code > 0xdfff) return this.flush() + unit;
    const pair = this.#surrogate === "" ? "\ufffd" : this.#surrogate + unit;
    this.#surrogate = "";
    return pair;
  }
}
