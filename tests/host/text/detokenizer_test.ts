import assert from "node:assert/strict";
import { InvalidRequestError } from "../../../engine/errors.ts";
import { createDetokenizer } from "../../../engine/text/detokenizer.ts";
import type { Detokenizer } from "../../../engine/text/mod.ts";
import { createRandom } from "../../support/random.ts";
import { loadTextFixture } from "../../support/text_model.ts";
import { sentencePieceTokenizer } from "../../support/tokenizer.ts";

/** A detokenizer over pieces of bytes: token i has the bytes of piece i. */
function detokenizerOf(pieces: readonly Uint8Array[], stop: readonly string[] = []): Detokenizer {
  return createDetokenizer({ tokenBytes: (id) => pieces[id]!, stripLeadingSpace: false, stop });
}

/** Everything that is shown, and the stop sequence. */
function runAll(pieces: readonly Uint8Array[], stop: readonly string[] = []) {
  const detokenizer = detokenizerOf(pieces, stop);
  const shown: string[] = [];
  for (const id of pieces.keys()) {
    const { text, stopSequence } = detokenizer.push(id);
    shown.push(text);
    if (stopSequence !== null) return { text: shown.join(""), stopSequence };
  }
  return { text: shown.join("") + detokenizer.flush(), stopSequence: null };
}

const bytesOf = (text: string) => new TextEncoder().encode(text);

/** Cuts bytes at random places, empty pieces included. */
function cutRandomly(bytes: Uint8Array, random: () => number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let start = 0; start < bytes.length;) {
    const end = Math.min(bytes.length, start + Math.floor(random() * 5));
    pieces.push(bytes.subarray(start, end));
    start = end;
  }
  return pieces;
}

const SCRIPTS = [
  "Grüße, señor — naïve façade",
  "Привет, мир! Γειά σου Κόσμε",
  "日本語とひらがな、カタカナ",
  "한국어 문장입니다",
  "नमस्ते दुनिया",
  "مرحبا بالعالم שלום",
  "🙂👍🏽👩‍👩‍👧‍👦🇳🇴 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𠜎",
  "e\u0301 \ufeff\u200d\u0000\r\n\ttab",
];

for (const text of SCRIPTS) {
  Deno.test(`Detokenizer.push() shows whole characters only: ${text.slice(0, 12)}`, () => {
    const pieces = Array.from(bytesOf(text), (byte) => Uint8Array.of(byte));
    const detokenizer = detokenizerOf(pieces);
    const shown = [...pieces.keys()].map((id) => detokenizer.push(id).text);
    assert.ok(shown.every((piece) => piece.isWellFormed() && !piece.includes("\ufffd")));
    assert.deepEqual(shown.filter((piece) => piece !== ""), Array.from(text));
    assert.equal(detokenizer.flush(), "");
  });
}

Deno.test("Detokenizer.push() shows each character with its last byte", () => {
  const pieces = [0xe2, 0x82, 0xac, 0x61].map((byte) => Uint8Array.of(byte)); // €a
  const detokenizer = detokenizerOf(pieces);
  assert.deepEqual([0, 1, 2, 3].map((id) => detokenizer.push(id).text), ["", "", "€", "a"]);
});

Deno.test("Detokenizer.flush() turns an incomplete character into U+FFFD", () => {
  const detokenizer = detokenizerOf([bytesOf("a🙂").subarray(0, 3)]);
  assert.equal(detokenizer.push(0).text, "a");
  assert.equal(detokenizer.flush(), "\ufffd");
  assert.equal(detokenizer.flush(), "");
});

Deno.test("Detokenizer.push() turns bytes that are no UTF-8 into U+FFFD", () => {
  assert.equal(
    runAll([Uint8Array.of(0x61, 0xff, 0x62), Uint8Array.of(0xc0)]).text,
    "a\ufffdb\ufffd",
  );
});

Deno.test("Detokenizer gives the text of any cut of the bytes", () => {
  const seed = 11;
  const random = createRandom(seed);
  for (let round = 0; round < 500; round++) {
    const text = SCRIPTS[Math.floor(random() * SCRIPTS.length)]!;
    assert.equal(runAll(cutRandomly(bytesOf(text), random)).text, text, `seed ${seed}, ${round}`);
  }
});

Deno.test("Detokenizer.push() ends the text before a stop sequence, however the text is cut", () => {
  const text = "one two</stop>three";
  const bytes = bytesOf(text);
  for (let first = 0; first <= bytes.length; first++) {
    for (let second = first; second <= bytes.length; second++) {
      const pieces = [bytes.slice(0, first), bytes.slice(first, second), bytes.slice(second)];
      assert.deepEqual(runAll(pieces, ["</stop>"]), {
        text: "one two",
        stopSequence: "</stop>",
      });
    }
  }
});

Deno.test("Detokenizer.push() finds a stop sequence cut into single bytes", () => {
  const pieces = Array.from(bytesOf("ab終🙂わりcd"), (byte) => Uint8Array.of(byte));
  assert.deepEqual(runAll(pieces, ["終🙂わり"]), { text: "ab", stopSequence: "終🙂わり" });
});

Deno.test("Detokenizer.push() holds back only what may become a stop sequence", () => {
  const pieces = ["ab", "c", "x", "abc", "d"].map(bytesOf);
  const detokenizer = detokenizerOf(pieces, ["abcd"]);
  assert.deepEqual([...pieces.keys()].map((id) => detokenizer.push(id)), [
    { text: "", stopSequence: null },
    { text: "", stopSequence: null },
    { text: "abcx", stopSequence: null },
    { text: "", stopSequence: null },
    { text: "", stopSequence: "abcd" },
  ]);
});

Deno.test("Detokenizer.flush() gives back what never became a stop sequence", () => {
  const detokenizer = detokenizerOf([bytesOf("answer<|im_")], ["<|im_end|>"]);
  assert.equal(detokenizer.push(0).text, "answer");
  assert.equal(detokenizer.flush(), "<|im_");
});

Deno.test("Detokenizer.push() goes back correctly where a stop sequence overlaps itself", () => {
  assert.deepEqual(runAll([bytesOf("aaab")], ["aab"]), { text: "a", stopSequence: "aab" });
  assert.deepEqual(runAll([bytesOf("ababac")], ["abac"]), { text: "ab", stopSequence: "abac" });
});

Deno.test("Detokenizer.push() lets the stop sequence win that is complete first", () => {
  assert.deepEqual(runAll([bytesOf("xabc")], ["abc", "b"]), { text: "xa", stopSequence: "b" });
  assert.deepEqual(runAll([bytesOf("xabc")], ["bc", "abc"]), { text: "x", stopSequence: "abc" });
});

Deno.test("Detokenizer.push() says nothing after the stop sequence", () => {
  const detokenizer = detokenizerOf([bytesOf("a!b"), bytesOf("c")], ["!"]);
  assert.deepEqual(detokenizer.push(0), { text: "a", stopSequence: "!" });
  assert.deepEqual(detokenizer.push(1), { text: "", stopSequence: null });
  assert.equal(detokenizer.flush(), "");
});

Deno.test("Detokenizer agrees with a search of the whole text for random stop sequences", () => {
  const seed = 99;
  const random = createRandom(seed);
  const randomText = (length: number) =>
    Array.from({ length }, () => ["a", "b", "🙂"][Math.floor(random() * 3)]).join("");
  for (let round = 0; round < 2000; round++) {
    const text = randomText(Math.floor(random() * 20));
    const stops = Array.from(
      { length: 1 + Math.floor(random() * 3) },
      () => randomText(1 + Math.floor(random() * 4)),
    );
    // The earliest end wins, then the longest.
    const ends = stops.filter((stop) => text.includes(stop))
      .map((stop) => ({ stop, end: text.indexOf(stop) + stop.length }))
      .sort((a, b) => a.end - b.end || b.stop.length - a.stop.length);
    const expected = ends[0] === undefined
      ? { text, stopSequence: null }
      : { text: text.slice(0, ends[0].end - ends[0].stop.length), stopSequence: ends[0].stop };
    assert.deepEqual(
      runAll(cutRandomly(bytesOf(text), random), stops),
      expected,
      `seed ${seed}, round ${round}: ${JSON.stringify({ text, stops })}`,
    );
  }
});

Deno.test("Detokenizer takes linear time for a stop sequence that nearly matches everywhere", () => {
  const stop = "a".repeat(255) + "b";
  const detokenizer = detokenizerOf([bytesOf("a".repeat(1000))], [stop, "a".repeat(300)]);
  const started = performance.now();
  detokenizer.push(0);
  assert.ok(performance.now() - started < 1000);
});

Deno.test("TextModel.createDetokenizer() refuses an empty stop sequence", async () => {
  const { model } = await loadTextFixture();
  assert.throws(
    () => model.createDetokenizer({ stop: ["a", ""] }),
    (error) => error instanceof InvalidRequestError && error.param === "stop",
  );
});

Deno.test("TextModel.tokenBytes() reads byte-level tokens back to bytes", async () => {
  const { model } = await loadTextFixture();
  assert.deepEqual(
    Array.from({ length: 256 }, (_, byte) => [...model.tokenBytes(byte)]),
    Array.from({ length: 256 }, (_, byte) => [byte]),
  );
  assert.deepEqual(model.tokenBytes(262), bytesOf(" wor"));
});

Deno.test("TextModel.tokenBytes() is empty for special tokens and unknown ids, not for unmarked ones", async () => {
  const { model } = await loadTextFixture();
  assert.equal(model.tokenBytes(301).length, 0); // <|im_start|>
  assert.equal(model.tokenBytes(290).length, 0); // a hole
  assert.equal(model.tokenBytes(500).length, 0); // padding
  assert.deepEqual(model.tokenBytes(303), bytesOf("<tool_call>"));
});

Deno.test("TextModel.tokenBytes() reads byte fallback and SentencePiece spaces", async () => {
  const { model } = await loadTextFixture({ tokenizer: sentencePieceTokenizer() });
  assert.deepEqual([...model.tokenBytes(3 + 0xe2)], [0xe2]);
  assert.deepEqual(
    model.encodeText("hi é").map((id) => new TextDecoder("latin1").decode(model.tokenBytes(id))),
    ["", " hi", " ", "Ã", "©"],
  );
});

Deno.test("TextModel.createDetokenizer() drops SentencePiece's space before the first word only", async () => {
  const { model } = await loadTextFixture({ tokenizer: sentencePieceTokenizer() });
  const detokenizer = model.createDetokenizer({ stop: [] });
  const ids = model.encodeText("hi hi é🙂");
  assert.equal(ids.map((id) => detokenizer.push(id).text).join(""), "hi hi é🙂");
});

Deno.test("TextModel round-trips text of many scripts through tokens", async () => {
  for (const tokenizer of [undefined, sentencePieceTokenizer()]) {
    const { model } = await loadTextFixture(tokenizer === undefined ? {} : { tokenizer });
    for (const script of SCRIPTS) {
      const text = script.normalize("NFC");
      const detokenizer = model.createDetokenizer({ stop: [] });
      const ids = model.encodeText(text);
      const shown = ids.map((id) => detokenizer.push(id).text).join("") + detokenizer.flush();
      assert.equal(shown, text);
    }
  }
});
