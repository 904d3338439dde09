/** Field schemas that several routes share; limits from the HTTP contract and the fault model. @module */
import { z } from "zod";

/** 0 is greedy. */
export const Temperature = z.number().min(0);
/** 0 < p ≤ 1. */
export const TopP = z.number().gt(0).lte(1);
/** Most likely tokens kept. */
export const TopK = z.int().min(1);
/** Any integer that JSON carries exactly. */
export const Seed = z.int();
/** Upper bound of generated tokens. */
export const MaxTokens = z.int().min(1);

const StopText = z.string().min(1).max(256);

/** Texts that end the output. */
export const Stop = z.union([StopText, z.array(StopText).max(4)], {
  error: "expected a text or an array of at most 4 texts, each of 1 to 256 characters",
});

/** How OpenAI's requests choose tokens, with the fields that other local servers have too. */
export const SAMPLING_FIELDS = {
  temperature: Temperature.nullish(),
  top_p: TopP.nullish(),
  top_k: TopK.nullish(),
  min_p: z.number().min(0).max(1).nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  repetition_penalty: z.number().gt(0).nullish(),
  seed: Seed.nullish(),
  logit_bias: z.record(
    z.string().regex(/^\d{1,7}$/, "expected token ids as keys"),
    z.number().min(-100).max(100),
  ).refine((bias) => Object.keys(bias).length <= 1024, "expected at most 1024 entries").nullish(),
};

/** Checked sampling fields. */
export type SamplingFields = z.output<z.ZodObject<typeof SAMPLING_FIELDS>>;
