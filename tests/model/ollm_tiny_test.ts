/**
 * Calls and formats with the model that ships with the program: `ANSWERS=1000 deno test -A tests/model/ollm_tiny_test.ts` asks for a
 * thousand of each.
 */
import assert from "node:assert/strict";
import { Ajv2020 } from "ajv/dist/2020.js";
import {
  createEngine,
  type Engine,
  type FinishReason,
  type GenerationRequest,
  type ToolDefinition,
} from "../../engine/mod.ts";
import { createRandom } from "../support/random.ts";
import { ENDLESS, SCHEMAS } from "../support/schemas.ts";

const SEED = Number(Deno.env.get("SEED") ?? Math.floor(Math.random() * 2 ** 31));
const NUM_ANSWERS = Number(Deno.env.get("ANSWERS") ?? 100);
const NUM_AT_ONCE = 16;
const QUESTIONS = [
  "What is the weather in Paris?",
  "Hello!",
  "Say something about cats.",
  "What is 12 + 7?",
  "Write JSON.",
];

const GET_WEATHER: ToolDefinition = {
  name: "get_weather",
  description: "Get the weather for a city.",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};

interface Answer {
  text: string;
  calls: { name: string; args: string }[];
  reason: FinishReason;
}

async function ask(engine: Engine, request: Partial<GenerationRequest>): Promise<Answer> {
  const messages = [{ role: "user" as const, content: QUESTIONS[0]! }];
  const answer: Answer = { text: "", calls: [], reason: "cancelled" };
  for await (const event of await engine.generate({ model: "ollm-tiny", messages, ...request })) {
    if (event.type === "text") answer.text += event.text;
    else if (event.type === "tool_call") answer.calls.push({ name: event.name, args: "" });
    else if (event.type === "tool_call_arguments") answer.calls[event.index]!.args += event.text;
    else if (event.type === "finish") answer.reason = event.reason;
  }
  return answer;
}

async function withEngine(test: (engine: Engine) => Promise<void>): Promise<void> {
  const engine = createEngine();
  try {
    await test(engine);
  } finally {
    await engine.close();
  }
}

/** An answer that maxTokens cuts is no JSON: only schemas whose values end. */
const BOUNDED = Object.entries(SCHEMAS).filter(([name]) => !ENDLESS.includes(name));
const validators = new Map(
  BOUNDED.map(([name, schema]) => [
    name,
    new Ajv2020({ strict: false, validateFormats: false }).compile(schema),
  ]),
);

function isValid(name: string, text: string): boolean {
  try {
    return validators.get(name)!(JSON.parse(text)) as boolean;
  } catch {
    return false;
  }
}

/** Asks `NUM_ANSWERS` times, some at once, and collects what went wrong. */
async function askMany(askOne: (random: () => number) => Promise<string | null>): Promise<void> {
  const random = createRandom(SEED);
  const faults: string[] = [];
  let numLeft = NUM_ANSWERS;
  const start = performance.now();
  await Promise.all(Array.from({ length: NUM_AT_ONCE }, async () => {
    while (numLeft-- > 0) {
      const fault = await askOne(random);
      if (fault !== null) faults.push(fault);
    }
  }));
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  console.log(`${NUM_ANSWERS - faults.length} of ${NUM_ANSWERS} valid, ${seconds} s, SEED=${SEED}`);
  assert.deepEqual(faults, []);
}

function pick<T>(list: readonly T[], random: () => number): T {
  return list[Math.floor(random() * list.length)]!;
}

const sampling = (random: () => number) => ({
  temperature: 1,
  seed: Math.floor(random() * 2 ** 31),
});

for (const toolChoice of ["auto", "required", { name: "get_weather" }] as const) {
  Deno.test(`ollm-tiny asks for the weather in Paris with tool choice ${JSON.stringify(toolChoice)}`, async () => {
    await withEngine(async (engine) => {
      const { calls, reason } = await ask(engine, { tools: [GET_WEATHER], toolChoice });
      assert.deepEqual(calls, [{ name: "get_weather", args: '{"city": "Paris"}' }]);
      assert.equal(reason, "tool_calls");
    });
  });
}

Deno.test("ollm-tiny makes only valid calls at temperature 1 when they are forced", async () => {
  const objects = BOUNDED.filter(([, schema]) => schema.type === "object");
  await withEngine((engine) =>
    askMany(async (random) => {
      const offered = [pick(objects, random), pick(objects, random)];
      const tools = [...new Map(offered)].map(([name, parameters]) => ({ name, parameters }));
      const answer = await ask(engine, {
        messages: [{ role: "user", content: pick(QUESTIONS, random) }],
        tools,
        toolChoice: pick([{ name: tools[0]!.name }, "required"] as const, random),
        parallelToolCalls: false,
        sampling: sampling(random),
      });
      const [call] = answer.calls;
      const isFine = answer.reason === "tool_calls" && answer.calls.length === 1 &&
        isValid(call!.name, call!.args);
      return isFine ? null : JSON.stringify(answer);
    })
  );
});

Deno.test("ollm-tiny answers only what the schema allows at temperature 1", async () => {
  await withEngine((engine) =>
    askMany(async (random) => {
      const [name, schema] = pick(BOUNDED, random);
      const answer = await ask(engine, {
        messages: [{ role: "user", content: pick(QUESTIONS, random) }],
        responseFormat: { type: "json_schema", schema },
        sampling: sampling(random),
        maxTokens: 700,
      });
      const isFine = answer.reason === "stop" && isValid(name, answer.text);
      return isFine ? null : `${name}: ${JSON.stringify(answer)}`;
    })
  );
});
