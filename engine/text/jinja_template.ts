/**
 * Chat templates in Jinja, as published in `tokenizer_config.json`, run under a budget: a template is untrusted data, and forty
 * bytes of it can loop for a minute.
 *
 * @see https://huggingface.co/docs/transformers/chat_templating
 * @module
 */
import { Environment, Interpreter, parse, tokenize } from "@huggingface/jinja";
import { InvalidRequestError, ModelInvalidError } from "../errors.ts";
import { toolsRefused } from "./chat_template.ts";
import type {
  ChatTemplate,
  RenderedPrompt,
  TemplateMessage,
  TemplateTool,
} from "./chat_template.ts";
import { formatTime } from "./format_time.ts";

/** Nodes evaluated plus items looped over; 2,048 messages take about 200,000. */
const MAX_STEPS = 1_000_000;
/** Checked every {@linkcode STEPS_PER_CLOCK_CHECK} steps, so that a short rendering never depends on the clock. */
const MAX_RENDER_MS = 250;
const STEPS_PER_CLOCK_CHECK = 16_384;
/** Characters of any text and items of any list that a template makes. */
const MAX_VALUE_LENGTH = 4 * 1024 * 1024;
/** Nested nodes, macro calls included. */
const MAX_DEPTH = 512;
/** Items of `range()`. */
const MAX_RANGE = 10_000;

type JinjaNode = NonNullable<Parameters<Interpreter["evaluate"]>[0]>;
type JinjaValue = ReturnType<Interpreter["evaluate"]>;

/** A template and the texts it may write besides its own. */
export interface JinjaTemplateOptions {
  /** Path for messages. */
  path: string;
  /** The template. */
  source: string;
  /** The variant for requests with tools; the same one when absent. */
  toolUseSource?: string;
  /** `bos_token`, `eos_token` and the like. */
  variables: Readonly<Record<string, string>>;
}

/** The template's own `raise_exception`. */
class TemplateRefusal extends Error {}

/** A budget ran out. */
class TemplateBudgetError extends Error {}

/**
 * Compiles a Jinja chat template.
 *
 * @throws {ModelInvalidError} it is not Jinja
 */
export function compileJinjaTemplate(options: JinjaTemplateOptions): ChatTemplate {
  const { path, source, toolUseSource = source, variables } = options;
  const program = compile(path, source);
  const toolUseProgram = toolUseSource === source ? program : compile(path, toolUseSource);
  const acceptsTools = /\btools\b/.test(toolUseSource);
  return {
    source: [...new Set([source, toolUseSource]), ...Object.values(variables)].join("\n"),
    acceptsTools,
    render(messages, tools) {
      if (tools.length > 0 && !acceptsTools) throw toolsRefused();
      const globals = createGlobals(messages, tools, variables);
      return run(path, tools.length > 0 ? toolUseProgram : program, globals);
    },
  };
}

type Program = ReturnType<typeof parse>;

function compile(path: string, source: string): Program {
  try {
    return parse(tokenize(source, { lstrip_blocks: true, trim_blocks: true }));
  } catch (error) {
    throw new ModelInvalidError(
      `Cannot read the chat template of "${path}": ${(error as Error).message}; ` +
        "correct chat_template or remove it",
      { cause: error },
    );
  }
}

function run(path: string, program: Program, globals: Environment): RenderedPrompt {
  try {
    const text = new BoundedInterpreter(globals).run(program).toString();
    return { prefixTokenIds: [], text };
  } catch (error) {
    if (error instanceof TemplateRefusal) {
      throw new InvalidRequestError(
        "messages",
        `The model's chat template refuses these messages: ${error.message}`,
      );
    }
    if (error instanceof TemplateBudgetError) {
      throw new InvalidRequestError("messages", `Cannot render these messages: ${error.message}`);
    }
    throw new ModelInvalidError(
      `Cannot render the chat template of "${path}": ${
        (error as Error).message
      }; correct chat_template`,
      { cause: error },
    );
  }
}

function createGlobals(
  messages: readonly TemplateMessage[],
  tools: readonly TemplateTool[],
  variables: Readonly<Record<string, string>>,
): Environment {
  const globals = new Environment();
  const values: Record<string, unknown> = {
    true: true,
    True: true,
    false: false,
    False: false,
    none: null,
    None: null,
    raise_exception: (message: unknown) => {
      throw new TemplateRefusal(String(message));
    },
    range: boundedRange,
    strftime_now: (format: unknown) => formatTime(new Date(), String(format)),
    ...variables,
    messages,
    tools: tools.length > 0 ? tools : null,
    add_generation_prompt: true,
  };
  for (const [name, value] of Object.entries(values)) globals.set(name, value);
  return globals;
}

/** Python's `range` with a bound on its length. */
function boundedRange(start: number, stop?: number, step = 1): number[] {
  const [first, end] = stop === undefined ? [0, start] : [start, stop];
  const length = Math.max(0, Math.ceil((end - first) / step));
  if (!(length <= MAX_RANGE)) {
    throw new TemplateBudgetError(`range() of ${length} items, at most ${MAX_RANGE} are allowed`);
  }
  return Array.from({ length }, (_, i) => first + i * step);
}

/** Counts steps, depth, sizes and time, and repairs `strip(chars)`, whose argument the library ignores. */
class BoundedInterpreter extends Interpreter {
  readonly #deadline = performance.now() + MAX_RENDER_MS;
  readonly #loopedNodes = new WeakSet<JinjaNode>();
  #numSteps = 0;
  #nextClockCheck = STEPS_PER_CLOCK_CHECK;
  #depth = 0;

  override evaluate(node: JinjaNode | undefined, environment: Environment): JinjaValue {
    this.#spend(1);
    if (node !== undefined && isFor(node)) this.#loopedNodes.add(loopedNode(node));
    const value = this.#evaluateNested(node, environment);
    this.#checkSize(value);
    // A loop over n items costs n even when its body is empty.
    if (node !== undefined && Array.isArray(value.value) && this.#loopedNodes.has(node)) {
      this.#spend(value.value.length);
    }
    return value;
  }

  #evaluateNested(node: JinjaNode | undefined, environment: Environment): JinjaValue {
    if (++this.#depth > MAX_DEPTH) {
      throw new TemplateBudgetError(`the template nests deeper than ${MAX_DEPTH}`);
    }
    try {
      return this.#evaluateStrip(node, environment) ?? super.evaluate(node, environment);
    } finally {
      this.#depth--; // `break` and `continue` leave by exceptions
    }
  }

  #spend(numSteps: number): void {
    this.#numSteps += numSteps;
    if (this.#numSteps > MAX_STEPS) {
      throw new TemplateBudgetError(`the template takes more than ${MAX_STEPS} steps; send less`);
    }
    if (this.#numSteps < this.#nextClockCheck) return;
    this.#nextClockCheck = this.#numSteps + STEPS_PER_CLOCK_CHECK;
    if (performance.now() > this.#deadline) {
      throw new TemplateBudgetError(`the template takes more than ${MAX_RENDER_MS} ms; send less`);
    }
  }

  #checkSize({ value }: JinjaValue): void {
    if (typeof value !== "string" && !Array.isArray(value)) return;
    if (value.length > MAX_VALUE_LENGTH) {
      throw new TemplateBudgetError(
        `the template writes ${value.length} characters, at most ${MAX_VALUE_LENGTH} are allowed`,
      );
    }
  }

  /** `text.strip("\n")`, `lstrip`, `rstrip` with the characters to strip; null for any other node. */
  #evaluateStrip(node: JinjaNode | undefined, environment: Environment): JinjaValue | null {
    const call = node === undefined ? null : matchStripCall(node);
    if (call === null) return null;
    const text = this.evaluate(call.object, environment);
    const chars = this.evaluate(call.argument, environment);
    if (typeof text.value !== "string" || typeof chars.value !== "string") return null;
    const stripped = stripChars(text.value, new Set(chars.value), call.method);
    // The library does not export its string class: borrow the one that the text has.
    const StringValue = text.constructor as new (value: string) => JinjaValue;
    return new StringValue(stripped);
  }
}

type StripMethod = "strip" | "lstrip" | "rstrip";

interface StripCall {
  object: JinjaNode;
  argument: JinjaNode;
  method: StripMethod;
}

/** The parts of the library's syntax tree that are looked at here. */
interface LooseNode {
  type: string;
  [field: string]: unknown;
}

function matchStripCall(node: JinjaNode): StripCall | null {
  if (node.type !== "CallExpression") return null;
  const { callee, args } = node as unknown as { callee: LooseNode; args: JinjaNode[] };
  if (callee.type !== "MemberExpression" || callee.computed === true || args.length !== 1) {
    return null;
  }
  const method = (callee.property as LooseNode).value;
  if (method !== "strip" && method !== "lstrip" && method !== "rstrip") return null;
  return { object: callee.object as JinjaNode, argument: args[0]!, method };
}

/** Python's `str.strip(chars)`. */
function stripChars(text: string, chars: ReadonlySet<string>, method: StripMethod): string {
  let start = 0;
  let end = text.length;
  if (method !== "rstrip") { while (start < end && chars.has(text[start]!)) start++; }
  if (method !== "lstrip") { while (end > start && chars.has(text[end - 1]!)) end--; }
  return text.slice(start, end);
}

function isFor(node: JinjaNode): boolean {
  return node.type === "For";
}

/** The list of a loop, without its `if`. */
function loopedNode(node: JinjaNode): JinjaNode {
  const { iterable } = node as unknown as { iterable: LooseNode };
  const list = iterable.type === "SelectExpression" ? iterable.lhs : iterable;
  return list as unknown as JinjaNode;
}
