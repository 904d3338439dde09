/**
 * What a layer on int8 activations sees of its input: groups of 32 columns, each rounded to whole multiples of its largest
 * value over 127, as llama.cpp's Q8_0 does.
 */
export function roundToInt8Groups(x: ArrayLike<number>): Float64Array<ArrayBuffer> {
  const rounded = Float64Array.from(x);
  for (let first = 0; first < rounded.length; first += 32) {
    const group = rounded.subarray(first, first + 32);
    const scale = group.reduce((highest, value) => Math.max(highest, Math.abs(value)), 0) / 127;
    if (scale === 0) continue;
    group.forEach((value, i) => group[i] = Math.round(value / scale) * scale);
  }
  return rounded;
}
