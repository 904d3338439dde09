/**
 * The Responses API and the conversations that belong to it. The only door of this folder.
 *
 * @module
 */
export { BackgroundRuns } from "./background.ts";
export * from "./conversations.ts";
export { createResponse } from "./create.ts";
export { countInputTokens } from "./input_tokens.ts";
export { cancelResponse, deleteResponse, listInputItems, retrieveResponse } from "./stored.ts";
