/**
 * Entry of the worker that holds one model's grammars. It computes the tokens that may come next while the engine's worker computes
 * the forward pass, and it can be ended when a grammar takes too long.
 *
 * @module
 */
import "@mlc-ai/web-xgrammar";
import type {
  CompiledGrammar,
  GrammarCompiler,
  GrammarMatcher,
  TokenizerInfo,
} from "@mlc-ai/web-xgrammar";
import { surveyMask } from "./bitmask.ts";
import type { Constraint } from "./constraint.ts";
import type { GrammarReply, GrammarRequest, NextTokens } from "./protocol.ts";
import { createSchemaChecker } from "./schema_check.ts";
import { Utf8Guard } from "./vocabulary.ts";

/** Compiled grammars that are kept. */
const MAX_COMPILED = 64;

/** Has what grammars of tools have: strings, repetitions, alternatives. */
const WARM_UP = String.raw`root ::= "{" ("\"a\": " s ", " | "\"b\": " [0-9]{1,15})* "}"
s ::= "\"" c{0,16} "\""
c ::= [^\x00-\x1f\x22\x5c] | "\\" [nrt]`;

interface Xgrammar {
  TokenizerInfo: typeof TokenizerInfo;
  GrammarCompiler: typeof GrammarCompiler;
  GrammarMatcher: typeof GrammarMatcher;
}

/** A grammar in use. */
interface OpenGrammar {
  constraint: Constraint;
  matcher: GrammarMatcher;
  check: (tool: string | null, text: string) => string | null;
}

const scope = self as unknown as DedicatedWorkerGlobalScope;
// The package is a UMD bundle: as a module it exports nothing and leaves a global.
const xgrammar = (globalThis as unknown as { xgrammar: Xgrammar }).xgrammar;
// Its runtime takes the Node path where it sees `process`, and writes what it thinks of a grammar to the console.
Reflect.deleteProperty(globalThis, "process");
const silent = () => {};
Object.assign(Reflect.get(globalThis, "console"), { log: silent, warn: silent, error: silent });

const open = new Map<number, OpenGrammar>();
/** By EBNF, the least recently used first. */
const compiled = new Map<string, CompiledGrammar>();
let compiler: GrammarCompiler;
let guard: Utf8Guard;
let numTokens = 0;
let eosTokenIds: ReadonlySet<number> = new Set();

async function setVocabulary(tokens: string[], eos: number[]): Promise<void> {
  numTokens = tokens.length;
  eosTokenIds = new Set(eos);
  guard = new Utf8Guard(tokens);
  const info = await xgrammar.TokenizerInfo.createTokenizerInfo(
    tokens,
    "byte_level",
    false,
    tokens.length,
    eos,
  );
  compiler = await xgrammar.GrammarCompiler.createGrammarCompiler(info, false);
  await warmUp();
}

/** The first grammar compiles ten times slower than the next; no request should be blamed for that. */
async function warmUp(): Promise<void> {
  const grammar = await compiler.compileGrammar(WARM_UP);
  const matcher = await xgrammar.GrammarMatcher.createGrammarMatcher(grammar);
  await matcher.getNextTokenBitmask();
  matcher.dispose();
  grammar.dispose();
}

async function compile(grammar: string): Promise<CompiledGrammar> {
  const known = compiled.get(grammar) ?? await compiler.compileGrammar(grammar);
  compiled.delete(grammar);
  compiled.set(grammar, known);
  if (compiled.size > MAX_COMPILED) {
    const [oldest, unused] = compiled.entries().next().value!;
    compiled.delete(oldest);
    unused.dispose(); // matchers that still use it share its memory
  }
  return known;
}

async function openGrammar(id: number, constraint: Constraint, tokens: number[]): Promise<void> {
  const check = createSchemaChecker(constraint);
  const matcher = await xgrammar.GrammarMatcher.createGrammarMatcher(
    await compile(constraint.grammar),
  );
  open.set(id, { constraint, matcher, check });
  for (const token of tokens) acceptToken(id, token);
}

function acceptToken(id: number, token: number): void {
  if (!open.get(id)!.matcher.acceptToken(token)) {
    throw new Error(`The grammar does not allow token ${token}`);
  }
  guard.accept(id, token);
}

async function nextTokens(id: number): Promise<NextTokens> {
  const { matcher } = open.get(id)!;
  if (matcher.isTerminated()) return { mask: null, isComplete: true };
  const mask = await matcher.getNextTokenBitmask();
  guard.restrict(id, mask);
  const { hasAny, isOpen, hasText } = surveyMask(mask, numTokens, eosTokenIds);
  if (!hasAny) throw new Error("No token of the model's vocabulary continues the grammar");
  return { mask: isOpen ? null : mask, isComplete: !hasText };
}

function close(id: number): void {
  open.get(id)?.matcher.dispose();
  open.delete(id);
  guard.close(id);
}

async function answer(request: Exclude<GrammarRequest, { type: "close" }>): Promise<GrammarReply> {
  switch (request.type) {
    case "vocabulary":
      await setVocabulary(request.tokens, request.eosTokenIds);
      return { type: "ready" };
    case "open":
      await openGrammar(request.id, request.constraint, request.tokens);
      break;
    case "accept":
      acceptToken(request.id, request.token);
      break;
    case "check": {
      const fault = open.get(request.id)!.check(request.tool, request.text);
      return { type: "checked", id: request.id, fault };
    }
  }
  return { type: "next", id: request.id, next: await nextTokens(request.id) };
}

async function handle(request: GrammarRequest): Promise<void> {
  if (request.type === "close") return close(request.id);
  try {
    scope.postMessage(await answer(request));
  } catch (error) {
    const id = request.type === "vocabulary" ? -1 : request.id;
    scope.postMessage(
      {
        type: "failed",
        id,
        message: error instanceof Error ? error.message : String(error),
        // An abort leaves the runtime's memory in an unknown state.
        isBroken: error instanceof WebAssembly.RuntimeError,
      } satisfies GrammarReply,
    );
  }
}

/** One request after the other, though some await. */
let last: Promise<void> = Promise.resolve();
scope.onmessage = ({ data }: MessageEvent<GrammarRequest>) => {
  last = last.then(() => handle(data));
};
