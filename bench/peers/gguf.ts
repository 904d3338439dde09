/**
 * Writes GGUF files, version 3: header, metadata, tensor directory, then the tensors one after the other, so that a file of
 * any size needs the memory of one tensor.
 *
 * @module
 */

/** A metadata value under the name of its type; arrays hold one type. */
export type GgufValue =
  | { type: "u32"; value: number }
  | { type: "f32"; value: number }
  | { type: "string"; value: string }
  | { type: "string[]"; value: readonly string[] }
  | { type: "f32[]"; value: readonly number[] }
  | { type: "i32[]"; value: readonly number[] };

/** A tensor and where its bytes come from. */
export interface GgufTensor {
  name: string;
  /** Rows last, as GGUF has it: `[K]` or `[K, N]`. */
  dimensions: readonly number[];
  dtype: "F32" | "Q4_0";
  /** Called once, when the tensor's turn comes. */
  createBytes: () => Uint8Array<ArrayBuffer>;
}

/** Values of a Q4_0 block, and its bytes: an f16 scale and sixteen pairs of nibbles. */
export const Q4_0_BLOCK = { numValues: 32, numBytes: 18 };

/** `GGUF` as a little-endian word. */
const MAGIC = 0x46554747;
const VERSION = 3;
/** What `general.alignment` is when a file does not name it. */
const ALIGNMENT = 32;
const VALUE_TYPES = { u32: 4, f32: 6, i32: 5, string: 8, array: 9 };
const TENSOR_TYPES = { F32: 0, Q4_0: 2 };

/** Little-endian bytes that grow. */
class ByteWriter {
  #bytes = new Uint8Array(1 << 16);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  u32(value: number): void {
    const at = this.#reserve(4); // may replace the view
    this.#view.setUint32(at, value, true);
  }

  i32(value: number): void {
    const at = this.#reserve(4); // may replace the view
    this.#view.setInt32(at, value, true);
  }

  f32(value: number): void {
    const at = this.#reserve(4); // may replace the view
    this.#view.setFloat32(at, value, true);
  }

  u64(value: number): void {
    const at = this.#reserve(8); // may replace the view
    this.#view.setBigUint64(at, BigInt(value), true);
  }

  string(value: string): void {
    const text = new TextEncoder().encode(value);
    this.u64(text.length);
    const at = this.#reserve(text.length);
    this.#bytes.set(text, at);
  }

  /** Zeros up to the next multiple of the alignment. */
  align(): void {
    this.#reserve(padding(this.#length));
  }

  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(size: number): number {
    const at = this.#length;
    this.#length += size;
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(2 * this.#length);
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }
}

/**
 * Writes a file.
 *
 * @throws {RangeError} a tensor has another number of bytes than its dimensions say
 */
export async function writeGguf(
  path: string,
  metadata: ReadonlyMap<string, GgufValue>,
  tensors: readonly GgufTensor[],
): Promise<void> {
  using file = await Deno.create(path);
  await writeAll(file, encodeHeader(metadata, tensors));
  for (const tensor of tensors) {
    const bytes = tensor.createBytes();
    const wanted = computeBytes(tensor);
    if (bytes.length !== wanted) {
      throw new RangeError(
        `The tensor ${tensor.name} has ${bytes.length} bytes; its dimensions say ${wanted}`,
      );
    }
    await writeAll(file, bytes);
    await writeAll(file, new Uint8Array(padding(bytes.length)));
  }
}

function encodeHeader(
  metadata: ReadonlyMap<string, GgufValue>,
  tensors: readonly GgufTensor[],
): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter();
  writer.u32(MAGIC);
  writer.u32(VERSION);
  writer.u64(tensors.length);
  writer.u64(metadata.size);
  for (const [key, value] of metadata) {
    writer.string(key);
    writeValue(writer, value);
  }
  let offset = 0; // from the start of the tensors' bytes
  for (const tensor of tensors) {
    writer.string(tensor.name);
    writer.u32(tensor.dimensions.length);
    for (const size of tensor.dimensions) writer.u64(size);
    writer.u32(TENSOR_TYPES[tensor.dtype]);
    writer.u64(offset);
    const numBytes = computeBytes(tensor);
    offset += numBytes + padding(numBytes);
  }
  writer.align();
  return writer.finish();
}

function writeValue(writer: ByteWriter, { type, value }: GgufValue): void {
  switch (type) {
    case "string[]":
      writeArrayHead(writer, "string", value.length);
      for (const text of value) writer.string(text);
      break;
    case "f32[]":
      writeArrayHead(writer, "f32", value.length);
      for (const number of value) writer.f32(number);
      break;
    case "i32[]":
      writeArrayHead(writer, "i32", value.length);
      for (const number of value) writer.i32(number);
      break;
    case "string":
      writer.u32(VALUE_TYPES.string);
      writer.string(value);
      break;
    case "u32":
      writer.u32(VALUE_TYPES.u32);
      writer.u32(value);
      break;
    case "f32":
      writer.u32(VALUE_TYPES.f32);
      writer.f32(value);
  }
}

function writeArrayHead(writer: ByteWriter, item: "string" | "f32" | "i32", length: number): void {
  writer.u32(VALUE_TYPES.array);
  writer.u32(VALUE_TYPES[item]);
  writer.u64(length);
}

function computeBytes({ dimensions, dtype }: GgufTensor): number {
  const count = dimensions.reduce((product, size) => product * size, 1);
  return dtype === "F32" ? 4 * count : count / Q4_0_BLOCK.numValues * Q4_0_BLOCK.numBytes;
}

function padding(length: number): number {
  return (ALIGNMENT - length % ALIGNMENT) % ALIGNMENT;
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    written += await file.write(bytes.subarray(written));
  }
}
