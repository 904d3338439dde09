/**
 * Decodes every tensor of an MLC package with plain loops: shares no code with the engine's reader.
 *
 * @see spec: MLC packages, group quantization
 */

interface Record {
  name: string;
  shape: number[];
  dtype: string;
  byteOffset: number;
  nbytes: number;
}

/** Values by parameter name; `<name>.q_weight` and `<name>.q_scale` become `<name>.weight`. */
export async function readPackageTensors(dir: string): Promise<Map<string, Float32Array>> {
  const index = JSON.parse(await Deno.readTextFile(`${dir}/tensor-cache.json`));
  const raw = new Map<string, Record & { bytes: DataView }>();
  for (const shard of index.records) {
    const file = await Deno.readFile(`${dir}/${shard.dataPath}`);
    for (const record of shard.records as Record[]) {
      const bytes = new DataView(file.buffer, record.byteOffset, record.nbytes);
      raw.set(record.name, { ...record, bytes });
    }
  }
  const tensors = new Map<string, Float32Array>();
  for (const [name, record] of raw) {
    if (name.endsWith(".q_weight")) {
      const base = name.slice(0, -".q_weight".length);
      tensors.set(`${base}.weight`, decodeQ4(record, decodeFloats(raw.get(`${base}.q_scale`)!)));
    } else if (!name.endsWith(".q_scale")) tensors.set(name, decodeFloats(record));
  }
  return tensors;
}

/** float16; or float32, which the file holds as bfloat16. */
function decodeFloats({ dtype, bytes }: { dtype: string; bytes: DataView }): Float32Array {
  return Float32Array.from({ length: bytes.byteLength / 2 }, (_, i) => {
    if (dtype === "float16") return bytes.getFloat16(2 * i, true);
    const word = new DataView(new ArrayBuffer(4));
    word.setUint16(2, bytes.getUint16(2 * i, true), true);
    return word.getFloat32(0, true);
  });
}

/** All columns that the words have room for; those past K are the caller's to leave out. */
function decodeQ4(
  { shape, bytes }: { shape: number[]; bytes: DataView },
  scales: Float32Array,
): Float32Array {
  const [numRows, numWords] = shape as [number, number];
  return Float32Array.from({ length: numRows * numWords * 8 }, (_, i) => {
    const word = bytes.getUint32(4 * Math.floor(i / 8), true);
    return (((word >>> (4 * (i % 8))) & 15) - 7) * scales[Math.floor(i / 32)]!;
  });
}
