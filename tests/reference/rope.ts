/**
 * Rotates one head by its position in f64, half-split pairs.
 *
 * @param head [C]
 * @param frequencies [C / 2], radians a position
 */
export function ropeReference(
  head: ArrayLike<number>,
  position: number,
  frequencies: ArrayLike<number>,
): Float64Array {
  const half = head.length / 2;
  const rotated = new Float64Array(head.length);
  for (let i = 0; i < half; i++) {
    const angle = position * frequencies[i]!;
    rotated[i] = head[i]! * Math.cos(angle) - head[i + half]! * Math.sin(angle);
    rotated[i + half] = head[i + half]! * Math.cos(angle) + head[i]! * Math.sin(angle);
  }
  return rotated;
}
