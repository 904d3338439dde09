/**
 * Rotates one head by its position in f64, half-split pairs.
 *
 * @param head [C]
 * @param frequencies [R / 2], radians a position; components from R on stay as they are
 */
export function ropeReference(
  head: ArrayLike<number>,
  position: number,
  frequencies: ArrayLike<number>,
): Float64Array {
  const half = frequencies.length;
  const rotated = Float64Array.from(head);
  for (let i = 0; i < half; i++) {
    const angle = position * frequencies[i]!;
    rotated[i] = head[i]! * Math.cos(angle) - head[i + half]! * Math.sin(angle);
    rotated[i + half] = head[i + half]! * Math.cos(angle) + head[i]! * Math.sin(angle);
  }
  return rotated;
}
