/** Compares arrays of numbers; the failure names the largest error and the first ten mismatches. */
export function assertClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: { atol: number; rtol: number },
): void {
  if (actual.length !== expected.length) {
    throw new Error(`Lengths differ: ${actual.length} and ${expected.length}`);
  }
  const { atol, rtol } = tolerance;
  const mismatches: string[] = [];
  let numMismatches = 0;
  let largest = 0;
  for (let i = 0; i < actual.length; i++) {
    const error = Math.abs(actual[i]! - expected[i]!);
    if (error <= atol + rtol * Math.abs(expected[i]!)) {
      largest = Math.max(largest, error);
      continue;
    }
    numMismatches++;
    largest = Number.isNaN(error) ? NaN : Math.max(largest, error);
    if (mismatches.length < 10) mismatches.push(`  [${i}] ${actual[i]} instead of ${expected[i]}`);
  }
  if (numMismatches > 0) {
    throw new Error(
      `${numMismatches} of ${actual.length} values differ, largest error ${largest} ` +
        `(atol ${atol}, rtol ${rtol}):\n${mismatches.join("\n")}`,
    );
  }
}
