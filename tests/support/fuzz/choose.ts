import { createRandom } from "../random.ts";

/** Seeded choices: the same seed makes the same choices in the same order. */
export interface Choose {
  /** An integer from 0 to `n` − 1. */
  below(n: number): number;
  /** True with this probability. */
  chance(probability: number): boolean;
  /** One of the values. */
  of<T>(values: readonly T[]): T;
}

/** Starts a sequence of choices. */
export function createChoose(seed: number): Choose {
  const random = createRandom(seed);
  const below = (n: number) => Math.floor(random() * n);
  return {
    below,
    chance: (probability) => random() < probability,
    of: (values) => values[below(values.length)]!,
  };
}
