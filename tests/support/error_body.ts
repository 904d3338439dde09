/**
 * The two shapes of an error, as the HTTP contract has them.
 *
 * @module
 */
import assert from "node:assert/strict";

/** First segments below `/v1` whose errors have OpenAI's envelope; all other paths are native. */
const OPENAI_ROUTES = [
  ...["models", "chat", "responses", "completions", "embeddings", "conversations"],
  ...["tokenize", "detokenize"],
];

/** Whether errors on this path have OpenAI's envelope. */
export function isOpenAiPath(path: string): boolean {
  const [, version, segment = ""] = path.split("?")[0]!.split("/");
  return version === "v1" && OPENAI_ROUTES.includes(segment);
}

/** Fails unless `body` is the error body of the path's family. */
export function assertErrorBody(path: string, body: unknown): void {
  assert.ok(typeof body === "object" && body !== null, `not an object: ${JSON.stringify(body)}`);
  if (isOpenAiPath(path)) assertOpenAiBody(body);
  else assertNativeBody(body);
}

function assertOpenAiBody(body: object): void {
  assert.deepEqual(Object.keys(body), ["error"]);
  const { error } = body as { error: Record<string, unknown> };
  assert.deepEqual(Object.keys(error), ["message", "type", "param", "code"]);
  assert.ok(typeof error.message === "string" && error.message !== "");
  assert.match(String(error.type), /^[a-z_]+_error$/);
  for (const field of [error.param, error.code]) {
    assert.ok(field === null || typeof field === "string" && field !== "");
  }
  assertNothingInternal(error.message);
}

function assertNativeBody(body: object): void {
  assert.deepEqual(Object.keys(body), ["detail"]);
  const { detail } = body as { detail: unknown };
  if (typeof detail === "string") return assertNothingInternal(detail);
  assert.ok(Array.isArray(detail) && detail.length > 0, JSON.stringify(body));
  for (const issue of detail) {
    assert.deepEqual(Object.keys(issue), ["type", "loc", "msg"]);
    assert.ok(["body", "query", "path"].includes(issue.loc[0]), JSON.stringify(issue));
    assertNothingInternal(issue.msg);
  }
}

/** No stack, no place in our source, no folder of this machine. */
function assertNothingInternal(message: string): void {
  assert.doesNotMatch(message, /\bat \S+ \(|\.[jt]s:\d+|\/(?:home|models|root|tmp|work)\//);
}
