/**
 * Fetches one file into its part: goes on where an earlier try ended, and accepts nothing but the file's own bytes.
 *
 * @module
 */
import { DownloadError } from "../../errors.ts";
import { TransientError, WrongContentError } from "./failures.ts";
import { type Reply, request } from "./http.ts";
import { PartFile, removePart } from "./part_file.ts";
import type { CheckedFile, RemoteFile, Transfer } from "./remote_file.ts";
import { Retries } from "./retries.ts";
import { checkStatus } from "./status.ts";

/**
 * Fetches what is missing of the part and checks the whole. Wrong bytes are thrown away and fetched anew, once.
 *
 * @returns the checked part; nothing is renamed
 * @throws {DownloadError} refused, tried often enough, wrong twice, or not writable
 */
export async function fetchFile(file: RemoteFile, transfer: Transfer): Promise<CheckedFile> {
  using part = await PartFile.open(file.partPath, file);
  transfer.meter.setBytes(file.name, part.length);
  const retries = new Retries(file.title, transfer);
  let hasRestarted = false;
  while (true) {
    const lengthBefore = part.length;
    try {
      await pull(file, part, transfer);
      return await check(file, part, transfer);
    } catch (error) {
      if (error instanceof TransientError) {
        await retries.waitAfter(error, { hasProgress: part.length > lengthBefore });
      } else if (error instanceof WrongContentError) {
        if (hasRestarted) {
          await removePart(file.partPath);
          throw toDownloadError(file, error);
        }
        hasRestarted = true;
        await part.restart(file, null);
        transfer.meter.setBytes(file.name, 0);
      } else {
        throw error;
      }
    }
  }
}

/** Asks for the rest of the file and writes what comes. */
async function pull(file: RemoteFile, part: PartFile, transfer: Transfer): Promise<void> {
  if (part.length > 0 && part.length === part.expected.size) return;
  const { signal, tuning, meter } = transfer;
  const { url, token } = file;
  const headers = rangeHeaders(part);
  const reply = await request(url, { headers, token, signal, stallMs: tuning.stallMs });
  try {
    await accept(reply, file, part);
    const maxBytes = part.expected.size ?? file.maxBytes;
    meter.addFile(file.name, part.expected.size);
    for await (const chunk of reply.body) {
      if (part.length + chunk.length > maxBytes) {
        throw new WrongContentError(`more than ${maxBytes} bytes came`);
      }
      await part.append(chunk);
      meter.setBytes(file.name, part.length, chunk.length);
    }
  } finally {
    await reply.cancel();
  }
  const { size } = part.expected;
  if (size !== null && part.length < size) {
    throw new TransientError(`the connection ended after ${part.length} of ${size} bytes`);
  }
}

/** `If-Range` makes the server send the whole file when it is another one by now. */
function rangeHeaders(part: PartFile): Record<string, string> {
  if (part.length === 0) return {};
  return {
    range: `bytes=${part.length}-`,
    ...(part.etag === null ? {} : { "if-range": part.etag }),
  };
}

/** Decides what an answer's bytes are: the rest of the part, or the file from its beginning. */
async function accept(reply: Reply, file: RemoteFile, part: PartFile): Promise<void> {
  if (reply.status === 416 && part.length > 0) {
    throw new WrongContentError(`the server has no bytes from ${part.length} on`);
  }
  checkStatus(reply, file);
  if (reply.status === 206) return acceptRest(reply, part);
  const declared = readLength(reply.headers);
  const size = file.size ?? declared;
  if (size !== null && size > file.maxBytes) {
    throw new DownloadError(
      "download_failed",
      `Cannot download ${file.title}: it has ${size} bytes, at most ${file.maxBytes} are allowed; ` +
        "check that the repository is the one you want",
    );
  }
  if (declared !== null && declared !== size) {
    throw new WrongContentError(`the server says it has ${declared} bytes, it should have ${size}`);
  }
  const digests = file.digests.length > 0 ? file.digests : file.readDigests(reply.headers);
  await part.restart({ size, digests }, reply.headers.get("etag"));
}

function acceptRest({ headers }: Reply, part: PartFile): void {
  const range = headers.get("content-range") ?? "nothing";
  const match = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(range);
  const { size } = part.expected;
  const isRest = part.length > 0 && match !== null && Number(match[1]) === part.length &&
    (size === null || match[2] === "*" || Number(match[2]) === size);
  if (!isRest) {
    throw new WrongContentError(
      `the server sent the range ${range} instead of the bytes from ${part.length} of ${size}`,
    );
  }
}

/** Length of the whole body; null when it is not told, or told of a compressed form. */
function readLength(headers: Headers): number | null {
  const text = headers.get("content-length");
  const isPlain = (headers.get("content-encoding") ?? "identity") === "identity";
  return isPlain && text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

async function check(
  file: RemoteFile,
  part: PartFile,
  { meter }: Transfer,
): Promise<CheckedFile> {
  const bytes = part.length;
  const { sha256, mismatch } = await part.finish();
  if (mismatch !== null) {
    const { expected, actual } = mismatch;
    throw new WrongContentError(
      `its ${expected.algorithm} is ${actual}, it should be ${expected.hex}`,
    );
  }
  meter.finishFile(file.name, bytes);
  return { name: file.name, path: file.partPath, bytes, sha256 };
}

function toDownloadError(file: RemoteFile, error: WrongContentError): DownloadError {
  return new DownloadError(
    "download_failed",
    `Cannot download ${file.title}: ${error.message}, also when fetched anew; ` +
      "the server or something on the way damages it: try again later, or from another endpoint",
    { cause: error },
  );
}
