/**
 * What a backend implements for embedding models, as {@linkcode Runner} is for models that generate.
 *
 * @module
 */

/** A loaded embedding model. One call runs at a time. */
export interface Embedder {
  /** Tokens of one input, the tokens around it included. */
  readonly maxTokens: number;
  /** Inputs of one call. */
  readonly maxBatch: number;
  /** Length of a vector. */
  readonly dimensions: number;
  /**
   * Runs one forward pass. Inputs of similar length waste least: all are padded to the longest.
   *
   * @param inputs token ids with the tokens around them, at most `maxBatch`, each at most `maxTokens` long
   * @returns one vector an input, f32, not normalized
   * @throws {DeviceError} the device was lost
   */
  embed(inputs: readonly (readonly number[])[]): Promise<Float32Array[]>;
  /** Gives all device memory back. */
  destroy(): void;
}
