import assert from "node:assert/strict";
import { PromptLookup } from "../../../engine/scheduler/prompt_lookup.ts";
import { createRandom } from "../../support/random.ts";

const letters = (text: string) => [...text].map((letter) => letter.charCodeAt(0));
const toText = (tokens: readonly number[]) => String.fromCharCode(...tokens);

/** Reads all of `text` as a prompt. */
function read(text: string): PromptLookup {
  const tokens = letters(text);
  const lookup = new PromptLookup(tokens, 1000);
  lookup.read(tokens.length, () => assert.fail("nothing is expected of a prompt"));
  return lookup;
}

Deno.test("PromptLookup.propose() continues as after the last place of the same two to four tokens", () => {
  assert.equal(toText(read("abcdefgh ab").propose(4)), "cdef");
  assert.equal(toText(read("ab1 ab2 ab").propose(3)), "2 a");
  assert.equal(read("abcdefgh ab").matchLength, 2);
});

Deno.test("PromptLookup.propose() prefers the longest run of tokens that agree", () => {
  const lookup = read("xabcd1 zcd2 yabcd");
  assert.equal(toText(lookup.propose(2)), "1 ");
  assert.equal(lookup.matchLength, 4);
});

Deno.test("PromptLookup.propose() repeats what repeats itself up to the end", () => {
  assert.equal(toText(read("xyaaaaa").propose(6)), "aaaaaa");
  assert.equal(toText(read("x-abcabcabc").propose(8)), "abcabcab");
});

Deno.test("PromptLookup.propose() proposes nothing where nothing agrees", () => {
  for (const text of ["", "a", "ab", "abcdef", "abcb"]) {
    const lookup = read(text);
    assert.deepEqual([lookup.propose(4), lookup.matchLength], [[], 0], text);
  }
});

Deno.test("PromptLookup.read() tells how often the token that was expected came, and follows it", () => {
  const tokens = letters("abcdefgh ab");
  const lookup = new PromptLookup(tokens, 100);
  const outcomes: [number, boolean][] = [];
  const readOn = (text: string) => {
    tokens.push(...letters(text));
    lookup.read(11, (matchLength, wasRight) => outcomes.push([matchLength, wasRight]));
  };
  readOn("");
  assert.deepEqual(outcomes, []);
  readOn("cde");
  assert.deepEqual(outcomes.splice(0), [[2, true], [3, true], [4, true]]);
  assert.equal(toText(lookup.propose(2)), "fg");
  readOn("X");
  assert.deepEqual(outcomes, [[5, false]]);
  assert.equal(lookup.matchLength, 0);
});

Deno.test("PromptLookup.matchLength counts up to 32 tokens that agree", () => {
  const half = "the quick brown fox jumps over the lazy dog; ";
  assert.equal(read(half + half).matchLength, 32);
});

Deno.test("PromptLookup.propose() only proposes what stands behind the same two tokens, in a text longer than its table", () => {
  const random = createRandom(3);
  const tokens: number[] = [];
  const lookup = new PromptLookup(tokens, 64); // a quarter of what comes
  for (let i = 0; i < 256; i++) {
    tokens.push(Math.floor(6 * random()));
    lookup.read(0, () => {});
    if (lookup.matchLength === 0) continue;
    const [before, last] = tokens.slice(-2);
    const [next] = lookup.propose(1);
    const stands = tokens.some((token, at) =>
      token === next && tokens[at - 1] === last && tokens[at - 2] === before
    );
    assert.ok(stands, `${next} behind ${before}, ${last}`);
  }
});
