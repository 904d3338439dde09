import { ApiError } from "../errors.ts";
import type { AppMiddleware, Limits } from "../context.ts";
import { checkJsonText } from "./json_scan.ts";

/**
 * Reads the body as one JSON object and leaves it in `c.get("body")`.
 *
 * The content type is required because a web page can send other types across sites without asking first.
 */
export function jsonBody(limits: Pick<Limits, "maxBodyBytes" | "bodyTimeoutMs">): AppMiddleware {
  return async (c, next) => {
    checkContentType(c.req.header("content-type"));
    checkEncoding(c.req.header("content-encoding"));
    const length = Number(c.req.header("content-length") ?? 0);
    if (length > limits.maxBodyBytes) throw tooLarge(limits.maxBodyBytes);
    const bytes = await readBody(c.req.raw, limits);
    c.set("body", parseObject(bytes));
    await next();
  };
}

function checkContentType(type: string | undefined): void {
  const essence = (type ?? "").split(";", 1)[0]!.trim().toLowerCase();
  if (essence === "application/json") return;
  throw new ApiError(415, "The body must be sent with Content-Type: application/json", {
    code: "unsupported_media_type",
  });
}

function checkEncoding(encoding = "identity"): void {
  if (encoding.trim().toLowerCase() === "identity") return;
  throw new ApiError(415, "The body must be sent as it is, without Content-Encoding", {
    code: "unsupported_media_type",
    headers: { "accept-encoding": "identity" },
  });
}

async function readBody(
  request: Request,
  { maxBodyBytes, bodyTimeoutMs }: Pick<Limits, "maxBodyBytes" | "bodyTimeoutMs">,
): Promise<Uint8Array> {
  if (request.body === null) return new Uint8Array();
  const reader = request.body.getReader();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    reader.cancel().catch(() => {}); // The reader may have failed already; the 408 says all there is to say.
  }, bodyTimeoutMs);
  const chunks: Uint8Array[] = [];
  let numBytes = 0;
  try {
    for (let part = await readPart(reader); !part.done; part = await readPart(reader)) {
      numBytes += part.value.length;
      if (numBytes > maxBodyBytes) throw tooLarge(maxBodyBytes);
      chunks.push(part.value);
    }
  } finally {
    clearTimeout(timer);
  }
  if (isLate) {
    throw new ApiError(408, `The body did not arrive within ${bodyTimeoutMs / 1000} s`, {
      code: "request_timeout",
    });
  }
  return new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer());
}

async function readPart(reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>) {
  try {
    return await reader.read();
  } catch (cause) {
    // Whoever left, or framed the body wrongly, is at fault and not this server.
    throw new ApiError(400, "The body broke off before its end", {
      code: "incomplete_body",
      cause,
    });
  }
}

function tooLarge(maxBodyBytes: number): ApiError {
  return new ApiError(413, `The body is larger than the limit of ${maxBodyBytes} bytes`, {
    code: "request_too_large",
  });
}

function parseObject(bytes: Uint8Array): Record<string, unknown> {
  let value: unknown;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    checkJsonText(text);
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw invalidJson(error instanceof TypeError ? "it is not UTF-8" : "it cannot be parsed");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalidJson("it is not an object");
  }
  return value as Record<string, unknown>;
}

function invalidJson(why: string): ApiError {
  return new ApiError(400, `The body must be one JSON object: ${why}`, { code: "invalid_json" });
}
