/**
 * Small WebAssembly modules, byte by byte: imports and exports of functions without arguments, and data.
 *
 * @see https://webassembly.github.io/spec/core/binary/modules.html
 */

/** What a module has. */
export interface WasmOptions {
  /** Names of the module `env`. */
  imports?: string[];
  /** Each calls the first import, or does nothing. */
  exports?: string[];
  /** Text in its memory. */
  data?: string;
}

/** A valid module. */
export function writeWasm(options: WasmOptions): Uint8Array<ArrayBuffer> {
  const { imports = [], exports = [], data = "" } = options;
  const body = imports.length > 0 ? [0, 0x10, 0, 0x0b] : [0, 0x0b]; // no locals; call 0; end
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [[0x60, 0, 0]]), // () → ()
    ...section(2, imports.map((name) => [...text("env"), ...text(name), 0, 0])),
    ...section(3, exports.map(() => [0])),
    ...section(5, [[0, 1]]), // a page of memory
    ...section(7, exports.map((name, i) => [...text(name), 0, imports.length + i])),
    ...section(10, exports.map(() => [...leb(body.length), ...body])),
    ...section(11, [[0, 0x41, 0, 0x0b, ...text(data)]]), // at address 0
  ]);
}

function section(id: number, items: number[][]): number[] {
  const content = [...leb(items.length), ...items.flat()];
  return [id, ...leb(content.length), ...content];
}

function text(value: string): number[] {
  const bytes = new TextEncoder().encode(value);
  return [...leb(bytes.length), ...bytes];
}

function leb(value: number): number[] {
  return value < 128 ? [value] : [value % 128 + 128, ...leb(Math.floor(value / 128))];
}
