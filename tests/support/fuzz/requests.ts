/**
 * Requests to the app's own routes: half of them valid, half of them damaged in path, query, headers or body.
 *
 * @module
 */
import { type AppRoute, BODILESS_ROUTES, METHODS } from "../routes.ts";
import { bodiesOf, FIELDS } from "./bodies.ts";
import type { Choose } from "./choose.ts";
import { damage, type Value, writeJson } from "./json_text.ts";
import { mutate } from "./mutate.ts";

/** A request as it goes over the wire. */
export interface FuzzRequest {
  method: string;
  /** Path and query. */
  target: string;
  /** Host among them. */
  headers: Record<string, string>;
  /** Null for none. */
  body: Uint8Array<ArrayBuffer> | null;
}

/** Options of {@linkcode createFuzzRequest}. */
export interface FuzzOptions {
  routes: AppRoute[];
  choose: Choose;
  /** Host that the server takes. */
  host: string;
  /** Ids that the server has given out, so that some requests name what exists. */
  ids: readonly string[];
  /** A size that the server refuses, in bytes. */
  tooLarge: number;
}

/** Makes the next request. */
export function createFuzzRequest(options: FuzzOptions): FuzzRequest {
  const { routes, choose } = options;
  const withBody = routes.filter(({ method }) => method === "POST");
  const route = choose.of(choose.chance(0.4) ? withBody : routes);
  const method = choose.chance(0.04) ? choose.of(METHODS) : route.method;
  const hasBody = method !== "GET" && method !== "HEAD" &&
    (method === "POST" && !BODILESS_ROUTES.includes(route.pattern) || choose.chance(0.05));
  const body = hasBody ? createBody(route, options) : null;
  const headers = createHeaders(options, body !== null);
  return { method, target: createTarget(route, options), headers, body };
}

function createTarget({ pattern }: AppRoute, { choose, ids }: FuzzOptions): string {
  let target = pattern.replace(/:([a-z_]+)|\*$/g, (_, name = "model") => {
    const known = ids.filter((id) => KINDS[name]?.test(id));
    return known.length > 0 && choose.chance(0.8) ? choose.of(known) : choose.of(ODD_IDS);
  });
  if (choose.chance(0.03)) {
    target += choose.of(["/", "//", "/x", "%", "%2F", ";a=b", "\\", "/..", "%00"]);
  }
  if (choose.chance(0.2)) target += `?${choose.of(QUERIES)}`;
  return target;
}

/** Which of the known ids can stand for which part of a path. */
const KINDS: Record<string, RegExp> = {
  response_id: /^resp_/,
  conversation_id: /^conv_/,
  item_id: /^(?:msg|fc)_/,
  session_id: /^[0-9a-f-]{36}$/,
};

const ODD_IDS = [
  ...[
    "ollm-tiny",
    "nope",
    "resp_x",
    "..",
    "%2e%2e",
    "..%2f..%2fetc%2fpasswd",
    "%",
    "%ff",
    "%00",
    "a%0d%0ab",
  ],
  ...[
    "~",
    "x".repeat(300),
    "ollm-tiny%2F",
    "org/name@rev",
    "%F0%9F%90%91",
    "__proto__",
    "null",
    "'--",
    "*",
  ],
];

const QUERIES = [
  ...[
    "stream=true",
    "stream=true&starting_after=0",
    "starting_after=-1",
    "stream=true&starting_after=1e9",
  ],
  ...[
    "stream=yes",
    "stream=true&starting_after=999999999",
    "limit=0",
    "limit=1",
    "limit=100",
    "limit=101",
  ],
  ...[
    "limit=NaN",
    "limit=2&order=asc",
    "order=up",
    "after=msg_1",
    "after=%ff",
    "after=",
    "a=b&a=c",
    "&&&",
  ],
  ...[
    "include[]=x",
    "include=reasoning.encrypted_content",
    "installed=true",
    "installed=maybe",
    "%=%",
  ],
  ...[
    "backend=wgsl",
    "backend=nope",
    "models_dir=/etc",
    "no_specialization=1",
    "x=" + "y".repeat(5000),
  ],
];

function createHeaders({ choose, host }: FuzzOptions, hasBody: boolean): Record<string, string> {
  const headers: Record<string, string> = { host: choose.chance(0.02) ? choose.of(HOSTS) : host };
  if (hasBody || choose.chance(0.02)) {
    headers["content-type"] = choose.chance(0.05) ? choose.of(TYPES) : "application/json";
  }
  for (const [name, values] of Object.entries(EXTRA_HEADERS)) {
    if (choose.chance(0.02)) headers[name] = choose.of(values);
  }
  return headers;
}

const HOSTS = [
  "evil.com",
  "",
  "localhost,localhost",
  "127.0.0.1:1",
  "[::1",
  "localhost.",
  "a b",
  "@",
];
const TYPES = [
  "text/plain",
  "",
  "application/json; charset=latin1",
  "multipart/form-data",
  ";",
  "a/b",
];
const EXTRA_HEADERS: Record<string, string[]> = {
  "accept": ["*/*", "text/event-stream", "application/xml", "", "q=1;;,,"],
  "accept-encoding": ["gzip", "br, gzip;q=0", "nonsense"],
  "authorization": ["Bearer x", "Bearer", "Basic eDp5", "Bearer " + "k".repeat(2000), "bearer\tx"],
  "content-encoding": ["gzip", "identity"],
  "content-length": ["-1", "1e9", "abc", "99999999999999999999"],
  "expect": ["200-ok"],
  "last-event-id": ["5", "x"],
  "openai-organization": ["org"],
  "origin": ["http://evil.com", "null", "", "http://localhost:1", "http://localhost:8000/"],
  "range": ["bytes=0-1"],
  "sec-fetch-site": ["cross-site", "same-origin", "none", "x"],
  "x-request-id": ["a b", "id-1", "x".repeat(100), "a\tb"],
};

function createBody(
  route: AppRoute,
  { choose, ids, tooLarge }: FuzzOptions,
): Uint8Array<ArrayBuffer> {
  const valid = useIds(choose.of(bodiesOf(route.pattern)), choose, ids);
  const kind = choose.below(100);
  if (kind < 1) return new TextEncoder().encode(`{"model":"${"x".repeat(tooLarge)}"}`);
  if (kind < 4) return new TextEncoder().encode(choose.of(NO_OBJECTS));
  if (kind < 14) return damage(writeJson(valid), choose);
  const isMutated = kind < 70;
  const value = isMutated ? mutate(valid, choose, FIELDS) : valid;
  return new TextEncoder().encode(
    writeJson(value, { doublesKey: isMutated && choose.chance(0.03) }),
  );
}

const NO_OBJECTS = [
  "",
  " ",
  "null",
  "[]",
  "1",
  '"{}"',
  "{}{}",
  "[{}]",
  "NaN",
  "{",
  "\0",
  "<xml/>",
  "a=b",
];

/** Names things that exist where a body names things. */
function useIds(body: Value, choose: Choose, ids: readonly string[]): Value {
  if (ids.length === 0 || choose.chance(0.3)) return body;
  const text = JSON.stringify(body).replace(
    /(?<=")(?:resp|conv|msg|fc)_1(?=")/g,
    (given) => lastWith(given.slice(0, -1), ids) ?? given,
  );
  return JSON.parse(text);
}

function lastWith(prefix: string, ids: readonly string[]): string | undefined {
  return ids.findLast((id) => id.startsWith(prefix));
}
