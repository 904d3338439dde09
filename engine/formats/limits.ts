/**
 * Upper bounds on what a package may claim, each above the largest published value: a package is untrusted data, and a
 * bound checked on its index is cheaper than memory asked for on its word.
 *
 * @module
 */

/** Chat configurations are a few KiB. */
export const MAX_CONFIG_BYTES = 1024 * 1024;
/** The index of a 235B mixture of experts is about 4 MiB. */
export const MAX_INDEX_BYTES = 32 * 1024 * 1024;
/** The largest published `tokenizer.json` has about 33 MiB. */
export const MAX_TOKENIZER_BYTES = 64 * 1024 * 1024;
/** Published packages stay below 2,000 tensors; unfused experts may reach some ten thousand. */
export const MAX_TENSORS = 65_536;
/** A shard aims at 32 MiB, so this is more than 500 GiB. */
export const MAX_SHARDS = 16_384;
/** Bytes of a tensor name; real ones have at most 80. */
export const MAX_NAME_BYTES = 512;
/** Expert stacks have 3 dimensions, convolutions 4. */
export const MAX_DIMS = 8;
/** The largest published vocabulary has 262,208 rows. */
export const MAX_VOCAB_SIZE = 4_194_304;
/** The longest published context has 10,485,760 tokens. */
export const MAX_CONTEXT_LENGTH = 16_777_216;
