/**
 * Rotates one head by its position in f64, half-split pairs.
 *
 * @param head [C]
 * @param magnitude cosines and sines are multiplied by it
 * @param frequencies [R / 2], radians a position; components from R on stay as they are
 */
export function ropeReference(
  head: ArrayLike<number>,
  position: number,
  frequencies: ArrayLike<number>,
  magnitude = 1,
): Float64Array {
  const half = frequencies.length;
  const rotated = Float64Array.from(head);
  for (let i = 0; i < half; i++) {
    const angle = position * frequencies[i]!;
    const [cos, sin] = [magnitude * Math.cos(angle), magnitude * Math.sin(angle)];
    rotated[i] = head[i]! * cos - head[i + half]! * sin;
    rotated[i + half] = head[i + half]! * cos + head[i]! * sin;
  }
  return rotated;
}
