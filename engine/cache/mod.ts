/**
 * The paged KV cache's bookkeeping.
 *
 * @module
 */
export { BlockPool } from "./block_pool.ts";
