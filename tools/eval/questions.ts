/** The held-out questions: their shape, and reading them. */

/** One condition on an answer; an answer passes a question when it meets all of its checks. */
export type Check =
  | { type: "contains"; text: string }
  | { type: "contains_all"; texts: string[] }
  | { type: "contains_any"; texts: string[] }
  | { type: "n_of_set"; n: number; set: string[] }
  | { type: "number"; value: number }
  | { type: "one_word" }
  | { type: "max_words"; n: number }
  | { type: "min_words"; n: number }
  | { type: "uppercase" }
  | { type: "lowercase" }
  | { type: "starts_with"; text: string }
  | { type: "ends_with"; text: string }
  | { type: "tool_call"; name: string; arguments: Record<string, string | number> }
  | { type: "no_tool_call" };

/** One turn, as in the OpenAI API. */
export interface QuestionMessage {
  role: "system" | "user" | "assistant" | "tool";
  content: string;
  tool_calls?: {
    type: "function";
    function: { name: string; arguments: Record<string, unknown> };
  }[];
}

/** A prompt that training never saw, and what its answer must be like. */
export interface Question {
  id: string;
  family: string;
  messages: QuestionMessage[];
  /** Names of functions in functions.json. */
  tools?: string[];
  checks: Check[];
}

/** A function in the OpenAI form. */
export interface FunctionTool {
  type: "function";
  function: { name: string; description: string; parameters: Record<string, unknown> };
}

/** Reads questions.jsonl. */
export async function readQuestions(): Promise<Question[]> {
  const text = await Deno.readTextFile(new URL("./questions.jsonl", import.meta.url));
  return text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
}

/** Reads functions.json: name → function. */
export async function readFunctions(): Promise<Record<string, FunctionTool>> {
  return JSON.parse(await Deno.readTextFile(new URL("./functions.json", import.meta.url)));
}
