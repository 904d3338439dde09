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
