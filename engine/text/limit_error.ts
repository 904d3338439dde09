/**
 * The model's tokenizer would need more time or memory for a text than its length allows. The text and the tokenizer are both
 * from outside; neither is at fault alone.
 */
export class TextLimitError extends Error {}
