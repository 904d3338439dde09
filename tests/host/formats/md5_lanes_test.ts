import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { hashStreams, type Md5Stream } from "../../../engine/formats/md5_lanes.ts";
import { createRandom } from "../../support/random.ts";

/** MD5s by {@linkcode hashStreams}, in the order of the messages. */
function hashAll(messages: readonly Uint8Array<ArrayBuffer>[]): string[] {
  const digests: string[] = [];
  hashStreams(messages.map((message, i): Md5Stream => {
    let offset = 0;
    return {
      nbytes: message.length,
      read(target) {
        target.set(message.subarray(offset, offset += target.length));
      },
      end(md5) {
        assert.equal(offset, message.length);
        assert.equal(digests[i], undefined);
        digests[i] = md5;
      },
    };
  }));
  return digests;
}

function randomBytes(length: number, random: () => number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, () => Math.floor(256 * random()));
}

function md5Of(message: Uint8Array): string {
  return createHash("md5").update(message).digest("hex");
}

Deno.test("hashStreams() gives the MD5 of messages of every length around the ends of blocks", () => {
  const random = createRandom(1);
  const messages = Array.from({ length: 200 }, (_, length) => randomBytes(length, random));
  assert.deepEqual(hashAll(messages), messages.map(md5Of));
});

Deno.test("hashStreams() gives the MD5 of messages of every length around the ends of pieces", () => {
  const random = createRandom(2);
  const piece = 128 * 1024;
  const lengths = [
    piece,
    0,
    3 * piece + 7,
    1,
    piece - 1,
    piece - 9,
    piece - 8,
    2 * piece,
    piece + 1,
  ];
  const messages = lengths.map((length) => randomBytes(length, random));
  assert.deepEqual(hashAll(messages), messages.map(md5Of));
});

for (const numMessages of [0, 1, 2, 3, 4, 5]) {
  Deno.test(`hashStreams() takes ${numMessages} streams`, () => {
    const random = createRandom(numMessages);
    const messages = Array.from(
      { length: numMessages },
      (_, i) => randomBytes(1000 * (5 - i), random),
    );
    assert.deepEqual(hashAll(messages), messages.map(md5Of));
  });
}

Deno.test("hashStreams() asks for a stream when a lane is free", () => {
  const open = new Set<number>();
  let maxOpen = 0;
  function* streams(): Generator<Md5Stream> {
    for (let i = 0; i < 20; i++) {
      open.add(i);
      maxOpen = Math.max(maxOpen, open.size);
      yield { nbytes: 100 * i, read: (target) => target.fill(i), end: () => open.delete(i) };
    }
  }
  hashStreams(streams());
  assert.deepEqual([maxOpen, open.size], [4, 0]);
});
