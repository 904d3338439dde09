/**
 * What every reply must be, whatever was asked.
 *
 * @module
 */
import assert from "node:assert/strict";
import { assertErrorBody } from "../error_body.ts";

/** A reply that was read to its end. */
export interface FuzzReply {
  /** Path as the server saw it. */
  path: string;
  status: number;
  contentType: string;
  text: string;
}

/** Statuses that say no; everything else that is not 2xx or 307 is a fault of the server. */
const REFUSALS = [400, 401, 403, 404, 405, 408, 413, 414, 415, 422, 429, 431];

/** Events after which a Responses stream ends. */
const LAST_EVENTS = ["response.completed", "response.incomplete", "response.failed", "error"];

/** Fails unless the reply is a sound answer. */
export function checkReply({ path, status, contentType, text }: FuzzReply): void {
  if (status === 307) return;
  if (status >= 200 && status < 300) {
    if (contentType.startsWith("text/event-stream")) checkStream(path, text);
    else if (contentType.startsWith("application/json")) JSON.parse(text);
    else assert.match(contentType, /^(?:text|image|font|application)\//);
    return;
  }
  const body = JSON.parse(text);
  assertErrorBody(path, body);
  // A store that is off is a state of the server, not a fault of it.
  if (status === 501 && body.error?.code === "responses_storage_disabled") return;
  assert.ok(REFUSALS.includes(status), `status ${status}`);
}

function checkStream(path: string, text: string): void {
  const frames = text.split("\n\n");
  assert.equal(frames.pop(), "", "the stream ends within a frame");
  const events = frames.filter((frame) => !frame.startsWith(":")).map(parseFrame);
  const last = events.at(-1);
  // A stored stream that is resumed behind its last event has nothing left to say.
  if (last === undefined) return assert.match(path, /^\/v1\/responses\/./);
  if (last.data === "[DONE]") events.pop();
  const values = events.map(({ name, data }) => ({ name, value: JSON.parse(data) }));
  if ("sequence_number" in values[0]!.value) checkResponseEvents(values);
  else if (last.data !== "[DONE]") {
    const isEnd = ["complete", "error"].includes(last.name) || "error" in values.at(-1)!.value;
    assert.ok(isEnd, `the stream ends with ${last.name} ${last.data}`);
  }
}

interface Frame {
  name: string;
  data: string;
}

function parseFrame(frame: string): Frame {
  const match = /^(?:event: ([a-z_.]+)\n)?data: ([^\n\r]*)$/.exec(frame);
  assert.ok(match, `not a frame: ${JSON.stringify(frame.slice(0, 200))}`);
  return { name: match[1] ?? "", data: match[2]! };
}

function checkResponseEvents(
  events: { name: string; value: { type: string; sequence_number: number } }[],
): void {
  const first = events[0]!.value.sequence_number;
  for (const [i, { name, value }] of events.entries()) {
    assert.equal(value.type, name);
    assert.equal(value.sequence_number, first + i);
  }
  assert.ok(LAST_EVENTS.includes(events.at(-1)!.name), `ends with ${events.at(-1)!.name}`);
}
