/**
 * MD5 of four messages at once, as a WebAssembly module that is put together here: a message's steps wait for each other, so a
 * processor has room for three more messages beside it. RFC 1321 has the algorithm.
 *
 * @module
 */

/** Messages at once: words of a vector. */
export const NUM_LANES = 4;

/** Bytes of a block, the unit of MD5. */
export const BLOCK_BYTES = 64;

/** Words of a state, each a vector with a word of every lane, at the start of the memory. */
export const STATE_WORDS = 4;

const VECTOR_BYTES = 16;
const NUM_STEPS = 64;
/** Where the constant of each step lies in the memory, one vector each. */
const CONSTANTS_AT = STATE_WORDS * VECTOR_BYTES;
/** Where the memory is free for messages. */
export const MESSAGES_AT = CONSTANTS_AT + NUM_STEPS * VECTOR_BYTES;

const PAGE_BYTES = 65536;
const BLOCK_WORDS = 16;
/** Of the four rounds; a round repeats its four. */
const SHIFTS = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]] as const;
/** Word of the block that step i of a round takes: (factor · i + offset) mod 16. */
const WORDS = [[1, 0], [5, 1], [3, 5], [7, 0]] as const;

/** The exports. */
export interface Md5Module {
  readonly memory: WebAssembly.Memory;
  /** Adds `numBlocks` blocks, at least one, of each lane to the state; a lane's blocks lie at its own address. */
  compress(numBlocks: number, ...addresses: readonly number[]): void;
}

/** @param numBytes of memory, with the first {@linkcode MESSAGES_AT} */
export function createMd5Module(numBytes: number): Md5Module {
  const module = new WebAssembly.Module(assemble(Math.ceil(numBytes / PAGE_BYTES)));
  const exports = new WebAssembly.Instance(module).exports as unknown as Md5Module;
  const words = new Uint32Array(exports.memory.buffer);
  for (let step = 0; step < NUM_STEPS; step++) {
    const constant = Math.floor(2 ** 32 * Math.abs(Math.sin(step + 1)));
    words.fill(constant, CONSTANTS_AT / 4 + 4 * step, CONSTANTS_AT / 4 + 4 * (step + 1));
  }
  return exports;
}

// Locals of `compress`: the parameters, the vectors of a block's words, of the state, and of the state before the block.
const NUM_BLOCKS = 0;
const ADDRESS = 1;
const WORD = ADDRESS + NUM_LANES;
const STATE = WORD + BLOCK_WORDS;
const BEFORE = STATE + STATE_WORDS;
const NUM_VECTORS = BLOCK_WORDS + 2 * STATE_WORDS;

const I32 = 0x7f;
const V128 = 0x7b;

const get = (local: number) => [0x20, local];
const set = (local: number) => [0x21, local];
const constant = (value: number) => [0x41, ...leb(value)];
const load = (offset: number) => [0xfd, 0x00, 4, ...leb(offset)];
const store = (offset: number) => [0xfd, 0x0b, 4, ...leb(offset)];
const ADD = [0xfd, 0xae, 0x01];
const SHIFT_LEFT = [0xfd, 0xab, 0x01];
const SHIFT_RIGHT = [0xfd, 0xad, 0x01];
const AND = [0xfd, 0x4e];
const AND_NOT = [0xfd, 0x4f];
const OR = [0xfd, 0x50];
const XOR = [0xfd, 0x51];
const NOT = [0xfd, 0x4d];

/** Bytes of the module: one memory, one function. */
function assemble(numPages: number): Uint8Array<ArrayBuffer> {
  const code = [
    ...vector([[NUM_VECTORS, V128]]), // locals behind the parameters
    ...loadState(),
    0x03,
    0x40, // loop
    ...loadBlock(),
    ...steps(),
    ...addState(),
    ...nextBlock(),
    0x0b, // end of the loop
    ...storeState(),
    0x0b,
  ];
  const parameters = new Array<number>(1 + NUM_LANES).fill(I32);
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // magic and version
    ...section(1, [[0x60, ...vector(parameters.map((type) => [type])), 0]]), // types
    ...section(3, [[0]]), // functions by type
    ...section(5, [[0, ...leb(numPages)]]), // memories
    ...section(7, [[...text("memory"), 2, 0], [...text("compress"), 0, 0]]), // exports
    ...section(10, [[...leb(code.length), ...code]]),
  ]);
}

function loadState(): number[] {
  return range(STATE_WORDS, (i) => [...constant(0), ...load(i * VECTOR_BYTES), ...set(STATE + i)]);
}

function storeState(): number[] {
  return range(STATE_WORDS, (i) => [...constant(0), ...get(STATE + i), ...store(i * VECTOR_BYTES)]);
}

/** Four words of each lane at a time become four vectors of one word of all lanes. */
function loadBlock(): number[] {
  return range(BLOCK_WORDS / 4, (quad) => {
    const first = WORD + 4 * quad;
    const rows = range(
      NUM_LANES,
      (lane) => [...get(ADDRESS + lane), ...load(quad * VECTOR_BYTES), ...set(first + lane)],
    );
    return [...rows, ...transpose(first)];
  });
}

/** Transposes the 4 × 4 words of four locals, through those of the state before the block, which is not set yet. */
function transpose(first: number): number[] {
  const shuffle = (a: number, b: number, words: readonly number[]) => [
    ...get(a),
    ...get(b),
    ...[0xfd, 0x0d],
    ...words.flatMap((word) => [4 * word, 4 * word + 1, 4 * word + 2, 4 * word + 3]),
  ];
  const LOW = [0, 4, 1, 5];
  const HIGH = [2, 6, 3, 7];
  return [
    ...shuffle(first, first + 2, LOW), // words 0 and 1 of lanes 0 and 2, in turns
    ...set(BEFORE),
    ...shuffle(first + 1, first + 3, LOW),
    ...set(BEFORE + 1),
    ...shuffle(first, first + 2, HIGH),
    ...set(BEFORE + 2),
    ...shuffle(first + 1, first + 3, HIGH),
    ...set(BEFORE + 3),
    ...shuffle(BEFORE, BEFORE + 1, LOW),
    ...set(first),
    ...shuffle(BEFORE, BEFORE + 1, HIGH),
    ...set(first + 1),
    ...shuffle(BEFORE + 2, BEFORE + 3, LOW),
    ...set(first + 2),
    ...shuffle(BEFORE + 2, BEFORE + 3, HIGH),
    ...set(first + 3),
  ];
}

function steps(): number[] {
  const before = range(STATE_WORDS, (i) => [...get(STATE + i), ...set(BEFORE + i)]);
  return [...before, ...range(NUM_STEPS, step)];
}

/** One step: a = b + ((a + mix(b, c, d) + constant + word) rotated left); the roles of the state's words move on by one. */
function step(i: number): number[] {
  const role = (letter: number) => STATE + (letter + 3 * i) % STATE_WORDS;
  const [a, b, c, d] = [role(0), role(1), role(2), role(3)];
  const round = Math.floor(i / BLOCK_WORDS);
  const [factor, offset] = WORDS[round]!;
  const shift = SHIFTS[round]![i % 4]!;
  return [
    ...get(a),
    ...get(WORD + (factor * i + offset) % BLOCK_WORDS),
    ...ADD,
    ...constant(0),
    ...load(CONSTANTS_AT + VECTOR_BYTES * i),
    ...ADD,
    ...MIXES[round]!(get(b), get(c), get(d)),
    ...ADD,
    ...set(a),
    ...get(a),
    ...constant(shift),
    ...SHIFT_LEFT,
    ...get(a),
    ...constant(32 - shift),
    ...SHIFT_RIGHT,
    ...OR,
    ...get(b),
    ...ADD,
    ...set(a),
  ];
}

type Mix = (b: number[], c: number[], d: number[]) => number[];

/** F, G, H and I of the RFC, with b as late as possible: it is what the step before has just made. */
const MIXES: readonly Mix[] = [
  (b, c, d) => [...c, ...d, ...XOR, ...b, ...AND, ...d, ...XOR], // c where b is set, else d
  (b, c, d) => [...c, ...d, ...AND_NOT, ...d, ...b, ...AND, ...OR], // b where d is set, else c
  (b, c, d) => [...c, ...d, ...XOR, ...b, ...XOR],
  (b, c, d) => [...d, ...NOT, ...b, ...OR, ...c, ...XOR],
];

function addState(): number[] {
  return range(
    STATE_WORDS,
    (i) => [...get(STATE + i), ...get(BEFORE + i), ...ADD, ...set(STATE + i)],
  );
}

/** Moves all lanes on, and goes back to the loop's start while blocks are left. */
function nextBlock(): number[] {
  const add = (local: number, value: number) => [
    ...get(local),
    ...constant(value),
    0x6a,
    ...set(local),
  ];
  return [
    ...range(NUM_LANES, (lane) => add(ADDRESS + lane, BLOCK_BYTES)),
    ...add(NUM_BLOCKS, -1),
    ...get(NUM_BLOCKS),
    0x0d,
    0, // br_if
  ];
}

/** What `part` gives for 0 to count − 1, one behind the other. */
function range(count: number, part: (i: number) => number[]): number[] {
  return Array.from({ length: count }, (_, i) => part(i)).flat();
}

/** A signed number in groups of seven bits. Its sign bit ends a positive one, so it reads the same where none is expected. */
function leb(value: number): number[] {
  const bytes: number[] = [];
  for (;;) {
    const byte = value & 0x7f;
    value >>= 7;
    const isLast = (value === 0 && (byte & 0x40) === 0) || (value === -1 && (byte & 0x40) !== 0);
    bytes.push(isLast ? byte : byte | 0x80);
    if (isLast) return bytes;
  }
}

function vector(items: readonly number[][]): number[] {
  return [...leb(items.length), ...items.flat()];
}

function section(id: number, items: readonly number[][]): number[] {
  const body = vector(items);
  return [id, ...leb(body.length), ...body];
}

function text(value: string): number[] {
  return vector([...new TextEncoder().encode(value)].map((byte) => [byte]));
}
