/**
 * Grammars of numbers within bounds.
 *
 * @module
 */
import { DIGIT, FRACTION, INTEGER, MAX_DIGITS, NONZERO_DIGIT, NUMBER } from "./json_rules.ts";
import { chars, choice, NEVER, repeat, type Rule, sequence, text } from "./rules.ts";

/** Bounds of a number; null is none. */
export interface NumberBounds {
  min: number | null;
  /** Whether `min` itself is out. */
  isMinExclusive: boolean;
  max: number | null;
  /** Whether `max` itself is out. */
  isMaxExclusive: boolean;
}

const LARGEST = 10 ** MAX_DIGITS - 1;

/** Integers within the bounds. */
export function integerRule(bounds: NumberBounds): Rule {
  const { min, max } = bounds;
  if (min === null && max === null) return INTEGER;
  if (isOutOfReach(bounds)) return NEVER;
  const { first, last } = integersIn(bounds);
  return signed(first, last, (from, to) => naturalsIn(from, to));
}

/** Numbers within the bounds: integers, and all fractions behind an integer part that keeps them inside. */
export function numberRule(bounds: NumberBounds): Rule {
  const { min, max, isMinExclusive, isMaxExclusive } = bounds;
  if (min === null && max === null) return NUMBER;
  if (isOutOfReach(bounds)) return NEVER;
  const low = clamp(min ?? -LARGEST);
  const high = clamp(max ?? LARGEST);
  const options = [integerRule(bounds)];
  // Integer parts i ≥ 0 with low ≤ i and i + 1 ≤ high, and their mirror images.
  const positive = Math.max(0, Math.ceil(low)) +
    (isMinExclusive && low >= 0 && isWhole(low) ? 1 : 0);
  const negative = Math.max(0, Math.ceil(-high)) +
    (isMaxExclusive && high <= 0 && isWhole(high) ? 1 : 0);
  options.push(withFraction(positive, Math.floor(high) - 1));
  options.push(sequence(text("-"), withFraction(negative, Math.floor(-low) - 1)));
  // Behind an excluded whole bound every fraction but 0 is in.
  if (isMinExclusive && isWhole(low) && low >= 0 && low + 1 <= high) {
    options.push(sequence(text(`${low}.`), NONZERO_FRACTION));
  }
  if (isMaxExclusive && isWhole(high) && high <= 0 && high - 1 >= low) {
    options.push(sequence(text(`-${-high}.`), NONZERO_FRACTION));
  }
  options.push(decimals(bounds, low, high));
  return choice(options);
}

/** `.` excluded: digits of which the last is not 0. */
const NONZERO_FRACTION: Rule = sequence(repeat(DIGIT, 0, MAX_DIGITS - 1), NONZERO_DIGIT);

function withFraction(from: number, to: number): Rule {
  return to < from ? NEVER : sequence(naturalsIn(from, to), FRACTION);
}

/** Where a bound is no integer: numbers with as many decimals as the bounds have, counted as integers. */
function decimals(bounds: NumberBounds, low: number, high: number): Rule {
  const numDecimals = Math.max(countDecimals(low), countDecimals(high));
  if (numDecimals === 0 || numDecimals > 9) return NEVER;
  const scale = 10 ** numDecimals;
  if (Math.max(Math.abs(low), Math.abs(high)) * scale > LARGEST) return NEVER;
  const { first, last } = integersIn({
    ...bounds,
    min: Math.round(low * scale),
    max: Math.round(high * scale),
  });
  return signed(first, last, (from, to) => {
    const digits = (n: number) => String(n).padStart(numDecimals + 1, "0");
    return splitByLength(from, to, numDecimals + 1)
      .map(([a, b]) => sameLength(digits(a), digits(b), numDecimals))
      .reduce((options: Rule, rule) => choice([options, rule]), NEVER);
  });
}

function integersIn(bounds: NumberBounds): { first: number; last: number } {
  const { min, max, isMinExclusive, isMaxExclusive } = bounds;
  let first = min === null ? -LARGEST : Math.ceil(clamp(min));
  let last = max === null ? LARGEST : Math.floor(clamp(max));
  if (isMinExclusive && first === min) first++;
  if (isMaxExclusive && last === max) last--;
  return { first, last };
}

/** A range of integers as a range of naturals behind `-`, and one without. */
function signed(first: number, last: number, rule: (from: number, to: number) => Rule): Rule {
  const options: Rule[] = [];
  if (first < 0 && first <= last) {
    options.push(sequence(text("-"), rule(Math.max(1, -last), -first)));
  }
  if (last >= 0 && first <= last) options.push(rule(Math.max(0, first), last));
  return options.length === 0 ? NEVER : choice(options);
}

/** `from` to `to`, both ≥ 0, without leading zeros. */
function naturalsIn(from: number, to: number): Rule {
  const options = splitByLength(from, to, 1).map(([a, b]) => sameLength(String(a), String(b), 0));
  return options.length === 0 ? NEVER : choice(options);
}

/** Cuts a range where numbers get one digit longer; numbers of fewer than `minLength` digits count as that long. */
function splitByLength(from: number, to: number, minLength: number): [number, number][] {
  const ranges: [number, number][] = [];
  for (let low = from; low <= to;) {
    const length = Math.max(minLength, String(low).length);
    const high = Math.min(to, 10 ** length - 1);
    ranges.push([low, high]);
    low = high + 1;
  }
  return ranges;
}

/** Texts of digits between two of the same length, with a point before the last `numDecimals`. */
function sameLength(low: string, high: string, numDecimals: number): Rule {
  if (low === "") return text("");
  const point = low.length === numDecimals ? [text(".")] : [];
  const [first, last] = [Number(low[0]), Number(high[0])];
  const [restLow, restHigh] = [low.slice(1), high.slice(1)];
  if (first === last) {
    return sequence(...point, text(low[0]!), sameLength(restLow, restHigh, numDecimals));
  }
  const [zeros, nines] = ["0".repeat(restLow.length), "9".repeat(restLow.length)];
  const options: Rule[] = [];
  let [from, to] = [first, last];
  if (restLow !== zeros) {
    options.push(sequence(...point, text(low[0]!), sameLength(restLow, nines, numDecimals)));
    from++;
  }
  if (restHigh !== nines) {
    options.push(sequence(...point, text(high[0]!), sameLength(zeros, restHigh, numDecimals)));
    to--;
  }
  if (from <= to) {
    options.push(sequence(
      ...point,
      chars([[0x30 + from, 0x30 + to]]),
      freeDigits(restLow.length, numDecimals),
    ));
  }
  return choice(options);
}

/** Any digits, with the point where it belongs. */
function freeDigits(length: number, numDecimals: number): Rule {
  if (length < numDecimals || numDecimals === 0) return repeat(DIGIT, length, length);
  const numWhole = length - numDecimals;
  return sequence(
    repeat(DIGIT, numWhole, numWhole),
    text("."),
    repeat(DIGIT, numDecimals, numDecimals),
  );
}

/** Whether every number inside has more digits than are written. */
function isOutOfReach({ min, max }: NumberBounds): boolean {
  return (min ?? 0) > LARGEST || (max ?? 0) < -LARGEST;
}

function clamp(value: number): number {
  return Math.min(LARGEST, Math.max(-LARGEST, value));
}

function isWhole(value: number): boolean {
  return Number.isInteger(value);
}

function countDecimals(value: number): number {
  for (let n = 0; n <= 9; n++) {
    if (Number.isInteger(Number((value * 10 ** n).toPrecision(15)))) return n;
  }
  return 10;
}
