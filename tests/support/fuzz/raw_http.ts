/**
 * HTTP/1.1 by hand: `fetch` sends only what is right.
 *
 * @module
 */
import type { FuzzReply } from "./check_reply.ts";
import type { Choose } from "./choose.ts";
import type { FuzzRequest } from "./requests.ts";

/** A reply that was read to its end, or to where the reader left. */
export type RawReply = Omit<FuzzReply, "path">;

/** Writes a request as bytes; the connection ends with its reply. */
export function writeRequest({ method, target, headers, body }: FuzzRequest): Uint8Array {
  const length = body === null ? {} : { "content-length": String(body.length) };
  const fields = Object.entries({ connection: "close", ...length, ...headers });
  const lines = [
    `${method} ${target} HTTP/1.1`,
    ...fields.map(([name, value]) => `${name}: ${value}`),
  ];
  const head = new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`);
  return concat([head, body ?? new Uint8Array()]);
}

/** Damages the head of a request: its line, its fields, how its end or its length is told. */
export function damageHead(request: Uint8Array, choose: Choose): Uint8Array {
  const text = new TextDecoder("latin1").decode(request);
  const changed = choose.of<(text: string) => string>([
    (text) => text.replace(" HTTP/1.1", choose.of([" HTTP/1.0", " HTTP/9.9", "", " HTTP/1.1 x"])),
    (text) =>
      text.replace(
        /^\S+/,
        choose.of(["get", "TRACE", "CONNECT", "PRI", "\0", "G@T", "X".repeat(99)]),
      ),
    (text) =>
      text.replace(
        /^(\S+) \S+/,
        `$1 ${choose.of(["*", "http://evil.com/v1/health", "x", "//", "/ /"])}`,
      ),
    (text) =>
      text.replace(/host: .*\r\n/, choose.of(["", "host: evil.com\r\nhost: localhost\r\n"])),
    (text) =>
      text.replace(
        "\r\n",
        choose.of(["\n", "\r", "\r\n folded\r\n", `\r\nx: ${"y".repeat(20_000)}\r\n`]),
      ),
    (text) => text.replace("\r\n", `\r\n${"x: y\r\n".repeat(200)}`),
    (text) =>
      text.replace("\r\n", `\r\n${choose.of([": y", "x y: z", "x\0: y", "x: \x01", "é: é"])}\r\n`),
    (text) => text.replace(/content-length: \d+/, choose.of(LENGTHS)),
    (text) => text.slice(0, choose.below(text.length)),
    (text) => `\r\n\r\n${text}`,
  ])(text);
  return Uint8Array.from(changed, (letter) => letter.charCodeAt(0));
}

const LENGTHS = [
  "content-length: 3",
  "content-length: 5\r\ncontent-length: 6",
  "content-length: 0x10",
  "transfer-encoding: chunked",
  "transfer-encoding: chunked\r\ncontent-length: 3",
  "transfer-encoding: gzip, identity",
];

/** Options of {@linkcode exchange}. */
export interface ExchangeOptions {
  /** Goes away after the first bytes of the reply. @default false */
  leaves?: boolean;
  /** Says that nothing follows, to a server that may wait for more. @default false */
  ends?: boolean;
}

/** Sends bytes and reads until the server closes; null when it closes without a word. */
export async function exchange(
  port: number,
  request: Uint8Array,
  { leaves = false, ends = false }: ExchangeOptions = {},
): Promise<RawReply | null> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const chunks: Uint8Array[] = [];
  const sent = send(connection, request, ends);
  const buffer = new Uint8Array(64 * 1024);
  try {
    for (let n = await connection.read(buffer); n !== null; n = await connection.read(buffer)) {
      chunks.push(buffer.slice(0, n));
      if (leaves) break;
    }
  } catch (error) {
    // A server that refuses a body before its end may reset the connection.
    if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
  }
  await sent;
  return chunks.length === 0 ? null : parseReply(concat(chunks));
}

async function send(connection: Deno.TcpConn, request: Uint8Array, ends: boolean): Promise<void> {
  try {
    for (let i = 0; i < request.length;) i += await connection.write(request.subarray(i));
    if (ends) await connection.closeWrite();
  } catch (error) {
    const { BadResource, BrokenPipe, ConnectionReset, NotConnected } = Deno.errors;
    const isClosed = [BadResource, BrokenPipe, ConnectionReset, NotConnected]
      .some((kind) => error instanceof kind);
    if (!isClosed) throw error;
  }
}

function parseReply(bytes: Uint8Array): RawReply {
  const text = new TextDecoder().decode(bytes);
  const end = text.indexOf("\r\n\r\n");
  const [line = "", ...fields] = text.slice(0, end).split("\r\n");
  const headers = new Map(fields.map((field) => {
    const [name, value] = field.split(/:\s*(.*)/, 2);
    return [name!.toLowerCase(), value!];
  }));
  const body = text.slice(end + 4);
  return {
    status: Number(/^HTTP\/1\.[01] (\d{3})/.exec(line)?.[1]),
    contentType: headers.get("content-type") ?? "",
    text: headers.get("transfer-encoding") === "chunked" ? joinChunks(body) : body,
  };
}

/** Chunk sizes count bytes, so the text is taken apart as bytes. */
function joinChunks(text: string): string {
  const bytes = new TextEncoder().encode(text);
  const parts: Uint8Array[] = [];
  for (let i = 0; i < bytes.length;) {
    const lineEnd = bytes.indexOf(0x0a, i);
    const size = parseInt(new TextDecoder().decode(bytes.subarray(i, lineEnd)), 16);
    parts.push(bytes.subarray(lineEnd + 1, lineEnd + 1 + size));
    i = lineEnd + 1 + size + 2;
  }
  return new TextDecoder().decode(concat(parts));
}

function concat(parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
