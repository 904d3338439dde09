/**
 * How large a model is, whatever its quantization.
 *
 * @module
 */
import type { ModelPackage } from "./package.ts";

/** Codes of four bits in a word. */
const CODES_PER_WORD = 8;

/** Weights of a package; those of quantized tensors one by one. */
export function countWeights({ tensors }: Pick<ModelPackage, "tensors">): number {
  let numWeights = 0;
  for (const { shape, dtype } of tensors.values()) {
    const numElements = shape.reduce((product, size) => product * size, 1);
    numWeights += dtype === "u32" ? CODES_PER_WORD * numElements : numElements;
  }
  return numWeights;
}
