/**
 * Chat templates in Jinja, as published in `tokenizer_config.json`, run under a budget.
 *
 * @see https://huggingface.co/docs/transformers/chat_templating
 * @module
 */
import { Environment, parse, tokenize } from "@huggingface/jinja";
import { InvalidRequestError, ModelInvalidError } from "../../errors.ts";
import { shortenCallIds, toolsRefused } from "./chat_template.ts";
import type {
  ChatTemplate,
  RenderedPrompt,
  TemplateMessage,
  TemplateTool,
} from "./chat_template.ts";
import { formatTime } from "./format_time.ts";
import { PythonInterpreter } from "./python_interpreter.ts";
import { boundedRange, TemplateBudgetError } from "./template_budget.ts";

/** Characters; the longest of a hundred published templates has 12,807. */
const MAX_SOURCE_LENGTH = 128 * 1024;
/** How Mistral's templates look at ids of calls. */
const SHORT_IDS = /\bid\s*\|\s*length\s*!=\s*9\b/;
/** Of the library's messages, which may quote the template. */
const MAX_REASON_LENGTH = 300;

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
  /**
   * The time that `strftime_now` writes.
   * @default the present
   */
  now?: () => Date;
}

/** The template's own `raise_exception`. */
class TemplateRefusal extends Error {}

/**
 * Compiles a Jinja chat template.
 *
 * @throws {ModelInvalidError} it is not Jinja
 */
export function compileJinjaTemplate(options: JinjaTemplateOptions): ChatTemplate {
  const { path, source, toolUseSource = source, variables, now = () => new Date() } = options;
  const program = compile(path, source);
  const toolUseProgram = toolUseSource === source ? program : compile(path, toolUseSource);
  const acceptsTools = /\btools\b/.test(toolUseSource);
  const wantsShortIds = SHORT_IDS.test(source) || SHORT_IDS.test(toolUseSource);
  return {
    source: [...new Set([source, toolUseSource]), ...Object.values(variables)].join("\n"),
    acceptsTools,
    render(messages, tools) {
      if (tools.length > 0 && !acceptsTools) throw toolsRefused();
      const shaped = wantsShortIds ? shortenCallIds(messages) : messages;
      const globals = createGlobals(shaped, tools, {
        ...variables,
        strftime_now: strftimeOf(now),
      });
      return run(path, tools.length > 0 ? toolUseProgram : program, globals);
    },
  };
}

type Program = ReturnType<typeof parse>;

function compile(path: string, source: string): Program {
  try {
    checkSource(source);
    return parse(tokenize(source, { lstrip_blocks: true, trim_blocks: true }));
  } catch (error) {
    const reason = isStackOverflow(error)
      ? "it nests too deeply"
      : (error as Error).message.slice(0, MAX_REASON_LENGTH);
    throw new ModelInvalidError(
      `Cannot read the chat template of "${path}": ${reason}; correct chat_template or remove it`,
      { cause: error },
    );
  }
}

function checkSource({ length }: string): void {
  if (length > MAX_SOURCE_LENGTH) {
    throw new RangeError(`it has ${length} characters, at most ${MAX_SOURCE_LENGTH} are allowed`);
  }
}

/** The library parses by recursion. */
function isStackOverflow(error: unknown): boolean {
  return error instanceof RangeError && error.message.includes("call stack");
}

function run(path: string, program: Program, globals: Environment): RenderedPrompt {
  try {
    const text = new PythonInterpreter(globals).run(program).toString();
    return { prefixTokenIds: [], text };
  } catch (error) {
    if (error instanceof TemplateRefusal) {
      throw new InvalidRequestError(
        "messages",
        `The model's chat template refuses these messages: ${
          error.message.slice(0, MAX_REASON_LENGTH)
        }`,
      );
    }
    if (error instanceof TemplateBudgetError) {
      throw new InvalidRequestError("messages", `Cannot render these messages: ${error.message}`);
    }
    throw new ModelInvalidError(
      `Cannot render the chat template of "${path}": ${
        (error as Error).message.slice(0, MAX_REASON_LENGTH)
      }; correct chat_template`,
      { cause: error },
    );
  }
}

function createGlobals(
  messages: readonly TemplateMessage[],
  tools: readonly TemplateTool[],
  variables: Readonly<Record<string, unknown>>,
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
    ...variables,
    messages,
    tools: tools.length > 0 ? tools : null,
    add_generation_prompt: true,
  };
  for (const [name, value] of Object.entries(values)) globals.set(name, value);
  return globals;
}

/** The `strftime_now` of templates. */
function strftimeOf(now: () => Date): (format: unknown) => string {
  return (format) => formatTime(now(), String(format));
}
