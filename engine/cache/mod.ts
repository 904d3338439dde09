/**
 * The paged KV cache's bookkeeping.
 *
 * @module
 */
export { BlockPool } from "./block_pool.ts";
export { BlockTable } from "./block_table.ts";
