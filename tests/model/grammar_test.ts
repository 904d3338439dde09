/**
 * Forced calls and schemas with a model that knows nothing: random weights say anything that the grammar lets through.
 */
import assert from "node:assert/strict";
import { Ajv2020 } from "ajv/dist/2020.js";
import {
  createEngine,
  type Engine,
  EngineError,
  type GenerationEvent,
  type GenerationRequest,
} from "../../engine/mod.ts";
import { createRandom } from "../support/random.ts";
import { writeRandomModel } from "../support/random_model.ts";
import { SCHEMAS } from "../support/schemas.ts";

const SEED = Number(Deno.env.get("SEED") ?? Math.floor(Math.random() * 2 ** 31));
const NUM_ROUNDS = Number(Deno.env.get("ROUNDS") ?? 8);

/** ChatML with a place for tools, and short: the tokenizer has a token for each byte. */
const TEMPLATE = "{% for m in messages %}<|im_start|>{{ m.content }}<|im_end|>{% endfor %}" +
  "{% if tools %}<tool_call>{% endif %}<|im_start|>";

const model = await writeRandomModel({
  architecture: "llama",
  quantization: "q4f16_1",
  hasHead: true,
  sizes: { context_window_size: 2048 },
});
await Deno.writeTextFile(`${model}/chat_template.jinja`, TEMPLATE);

async function withEngine(test: (engine: Engine) => Promise<void>): Promise<void> {
  const engine = createEngine();
  try {
    await test(engine);
  } finally {
    await engine.close();
  }
}

interface Answer {
  text: string;
  calls: { name: string; args: string }[];
  finish: Extract<GenerationEvent, { type: "finish" }>;
}

async function ask(engine: Engine, request: Partial<GenerationRequest>): Promise<Answer> {
  const generation = await engine.generate({
    model,
    messages: [{ role: "user", content: "hi" }],
    maxTokens: 700,
    ...request,
  });
  const answer: Partial<Answer> & Omit<Answer, "finish"> = { text: "", calls: [] };
  for await (const event of generation) {
    if (event.type === "text") answer.text += event.text;
    else if (event.type === "tool_call") answer.calls[event.index] = { name: event.name, args: "" };
    else if (event.type === "tool_call_arguments") answer.calls[event.index]!.args += event.text;
    else if (event.type === "finish") answer.finish = event;
  }
  return answer as Answer;
}

/** An object schema of each kind that a tool can have. */
const OBJECTS = Object.entries(SCHEMAS).filter(([, schema]) => schema.type === "object");
const validators = new Map(
  Object.entries(SCHEMAS).map(([name, schema]) => [
    name,
    new Ajv2020({ strict: false, validateFormats: false }).compile(schema),
  ]),
);

function assertValid(name: string, text: string): void {
  const validate = validators.get(name)!;
  assert.ok(
    validate(JSON.parse(text)),
    `SEED=${SEED} ${name}: ${text}: ${JSON.stringify(validate.errors)}`,
  );
}

function sampling(random: () => number) {
  return { temperature: 1 + random(), seed: Math.floor(random() * 2 ** 31) };
}

Deno.test("Engine.generate() with a schema gives only values that satisfy it", async () => {
  console.log(`SEED=${SEED}`);
  const random = createRandom(SEED);
  await withEngine(async (engine) => {
    let numEnded = 0;
    for (let round = 0; round < NUM_ROUNDS; round++) {
      await Promise.all(
        Object.entries(SCHEMAS).map(async ([name, schema]) => {
          const answer = await ask(engine, {
            responseFormat: { type: "json_schema", schema },
            sampling: sampling(random),
          });
          if (answer.finish.reason === "length") return;
          numEnded++;
          assert.equal(answer.finish.reason, "stop");
          assertValid(name, answer.text);
        }),
      );
    }
    const numAsked = NUM_ROUNDS * Object.keys(SCHEMAS).length;
    console.log(`${numEnded} of ${numAsked} ended`);
    assert.ok(numEnded > 0.9 * numAsked);
  });
});

Deno.test("Engine.generate() with a forced call gives only calls whose arguments satisfy their schema", async () => {
  const random = createRandom(SEED + 1);
  await withEngine(async (engine) => {
    const tools = OBJECTS.map(([name, parameters]) => ({ name, parameters }));
    let numCalls = 0;
    for (let round = 0; round < NUM_ROUNDS; round++) {
      await Promise.all(tools.map(async ({ name }, i) => {
        const isNamed = i % 2 === 0;
        const answer = await ask(engine, {
          tools,
          toolChoice: isNamed ? { name } : "required",
          parallelToolCalls: i % 4 === 1,
          sampling: sampling(random),
        });
        assert.ok(["tool_calls", "length"].includes(answer.finish.reason));
        assert.equal(answer.text, "");
        const whole = answer.finish.reason === "length" ? answer.calls.slice(0, -1) : answer.calls;
        for (const call of whole) {
          numCalls++;
          if (isNamed) assert.equal(call.name, name);
          assertValid(call.name, call.args);
        }
        if (i % 4 !== 1) assert.ok(answer.calls.length <= 1);
      }));
    }
    console.log(`${numCalls} calls`);
    assert.ok(numCalls > 0.8 * NUM_ROUNDS * tools.length);
  });
});

Deno.test("Engine.generate() gives constrained sequences the same greedy text in a batch as alone", async () => {
  await withEngine(async (engine) => {
    const requests: Partial<GenerationRequest>[] = [
      ...["flat", "enums", "integers", "arrays"].map((name) => ({
        responseFormat: { type: "json_schema" as const, schema: SCHEMAS[name]! },
      })),
      { prompt: "hello", maxTokens: 60, ignoreEos: true },
    ].map((request) => ({ maxTokens: 100, ...request }));
    const text = async (request: Partial<GenerationRequest>) => {
      const { prompt } = request;
      const base = prompt === undefined ? {} : { messages: undefined };
      return (await ask(engine, { ...base, ...request } as Partial<GenerationRequest>)).text;
    };
    const alone: string[] = [];
    for (const request of requests) alone.push(await text(request));
    assert.deepEqual(await Promise.all(requests.map(text)), alone);
  });
});

Deno.test("Engine.generate() ends a call that maxTokens cuts with length and what was written", async () => {
  await withEngine(async (engine) => {
    const parameters = { properties: { a: { type: "string", minLength: 500 } }, required: ["a"] };
    const answer = await ask(engine, {
      tools: [{ name: "f", parameters }],
      toolChoice: "required",
      maxTokens: 80,
    });
    assert.equal(answer.finish.reason, "length");
    assert.equal(answer.calls.length, 1);
    assert.match(answer.calls[0]!.args, /^\{"a": "/);
  });
});

Deno.test("Engine.generate() fails an answer that breaks what only the check can see", async () => {
  await withEngine(async (engine) => {
    await assert.rejects(
      ask(engine, {
        responseFormat: {
          type: "json_schema",
          schema: {
            type: "array",
            items: { const: 1 },
            minItems: 2,
            maxItems: 2,
            uniqueItems: true,
          },
        },
      }),
      (error) => error instanceof EngineError && error.message.includes("breaks its schema"),
    );
  });
});

Deno.test("Engine.generate() refuses demands that contradict each other or cannot be met", async () => {
  await withEngine(async (engine) => {
    const tools = [{ name: "f" }];
    const bad: [param: string, request: Partial<GenerationRequest>][] = [
      ["tool_choice", { toolChoice: "required" }],
      ["tool_choice", { tools, toolChoice: { name: "g" } }],
      ["tools", { tools: [{ name: "a b" }] }],
      ["tools", { tools: [...tools, ...tools] }],
      ["tools.f.parameters", { tools: [{ name: "f", parameters: { type: "text" } }] }],
      ["response_format", {
        tools,
        toolChoice: "required",
        responseFormat: { type: "json_object" },
      }],
      ["response_format", {
        responseFormat: { type: "json_schema", schema: { pattern: "(?!a)" } },
      }],
    ];
    for (const [param, request] of bad) {
      await assert.rejects(
        ask(engine, request),
        (error) =>
          error instanceof EngineError && error.code === "invalid_request" && error.param === param,
        param,
      );
    }
    const answer = await ask(engine, { tools, toolChoice: "required", parallelToolCalls: false });
    assert.deepEqual(answer.calls, [{ name: "f", args: "{}" }]);
    assert.equal(answer.finish.reason, "tool_calls");
  });
});

Deno.test("Engine.generate() frees a constrained sequence whose signal aborts, also while it compiles", async () => {
  await withEngine(async (engine) => {
    await engine.load(model);
    for (const delayMs of [0, 1, 5, 20, 60]) {
      const controller = new AbortController();
      const generation = engine.generate({
        model,
        messages: [{ role: "user", content: "hi" }],
        maxTokens: 500,
        responseFormat: { type: "json_schema", schema: { type: "array", minItems: 100 + delayMs } },
      }, { signal: controller.signal });
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      controller.abort();
      try {
        for await (const event of await generation) {
          if (event.type === "finish") assert.equal(event.reason, "cancelled");
        }
      } catch (error) {
        assert.equal((error as Error).name, "AbortError");
      }
    }
    const [stats] = await engine.stats();
    assert.equal(stats!.numRunning + stats!.numWaiting, 0);
    assert.equal(stats!.numFreeBlocks, stats!.numBlocks);
  });
});
