/**
 * The engine's side of the grammar worker: starts it at the first constrained request, bounds the time of every request, and when
 * one takes too long puts a new worker in its place in which the other sequences go on.
 *
 * @module
 */
import { EngineError, InvalidRequestError } from "../../errors.ts";
import type { Constraint } from "./constraint.ts";
import type { GrammarReply, GrammarRequest, NextTokens } from "./protocol.ts";
import { type GrammarVocabulary, spellVocabulary } from "./vocabulary.ts";

/** A sequence's way through its grammar. */
export interface GrammarSession {
  /** Which tokens may come next; computed since the last `accept`. */
  next(): Promise<NextTokens>;
  /** Goes on by a token that `next` allowed. */
  accept(token: number): void;
  /**
   * Checks a finished part of the answer against its schema.
   *
   * @param tool whose arguments they are; null for the whole text
   * @returns what is wrong; null when nothing is
   */
  check(tool: string | null, text: string): Promise<string | null>;
  /** Frees the grammar's memory. */
  close(): void;
}

/** Bounds of a {@linkcode GrammarService}. */
export interface GrammarServiceOptions {
  /**
   * Time of one step through a grammar and of the compilation of one schema, in ms. Real schemas take 50, on a busy machine ten
   * times that; only sequences with grammars of their own wait for it.
   * @default 2000
   */
  maxRequestMs?: number;
}

/** Time for each schema more, in ms: the grammar of a hundred real tools takes a second on two busy cores. */
const MAX_FURTHER_SCHEMA_MS = 25;

/** Starting the worker reads the whole vocabulary; 150,000 tokens take 0.3 s. */
const MAX_START_MS = 20_000;
/** Grammars that took too long and are not tried again. */
const MAX_REFUSED = 64;

type SessionRequest = Extract<GrammarRequest, { type: "open" | "accept" | "check" }>;

/** A request that the worker has not answered. */
interface Pending {
  request: SessionRequest;
  session: Session;
  resolve(reply: GrammarReply): void;
  reject(error: Error): void;
}

/** A sequence's grammar as it is remembered outside the worker. */
interface Session {
  readonly id: number;
  readonly constraint: Constraint;
  /** Accepted so far: a new worker is led along them. */
  readonly tokens: number[];
}

/** Holds the grammars of one model. */
export class GrammarService {
  readonly #vocabulary: GrammarVocabulary;
  readonly #maxRequestMs: number;
  readonly #sessions = new Map<number, Session>();
  readonly #refused = new Set<string>();
  #worker: Worker | null = null;
  /** In the order in which the worker answers. */
  #pending: Pending[] = [];
  #isStarting = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #nextId = 0;

  constructor(vocabulary: GrammarVocabulary, options: GrammarServiceOptions = {}) {
    this.#vocabulary = vocabulary;
    this.#maxRequestMs = options.maxRequestMs ?? 2000;
  }

  /** Sequences that follow a grammar now. */
  get numSessions(): number {
    return this.#sessions.size;
  }

  /**
   * Compiles a grammar for a new sequence.
   *
   * @throws {InvalidRequestError} it does not compile, or not in time
   */
  async open(constraint: Constraint): Promise<GrammarSession> {
    if (this.#refused.has(constraint.grammar)) throw tooComplex(constraint);
    const session: Session = { id: this.#nextId++, constraint, tokens: [] };
    this.#sessions.set(session.id, session);
    let next = this.#ask(session, { type: "open", id: session.id, constraint, tokens: [] });
    next.catch(() => {}); // whoever asks for it sees the error
    await next;
    return {
      next: async () => readNext(await next),
      accept: (token) => {
        session.tokens.push(token);
        next = this.#ask(session, { type: "accept", id: session.id, token });
        next.catch(() => {});
      },
      check: async (tool, text) => {
        const reply = await this.#ask(session, { type: "check", id: session.id, tool, text });
        return reply.type === "checked" ? reply.fault : "it could not be checked";
      },
      close: () => this.#forget(session),
    };
  }

  /** Ends the worker; requests that wait fail. */
  close(): void {
    this.#sessions.clear();
    this.#stop();
    this.#failPending(new EngineError("engine_closed", "The model was unloaded"));
  }

  #ask(session: Session, request: SessionRequest): Promise<GrammarReply> {
    if (!this.#sessions.has(session.id)) return Promise.reject(brokenGrammar());
    if (this.#worker === null) this.#start();
    return new Promise((resolve, reject) => this.#send({ request, session, resolve, reject }));
  }

  #send(pending: Pending): void {
    this.#pending.push(pending);
    this.#worker!.postMessage(pending.request);
    if (this.#pending.length === 1) this.#watch();
  }

  #start(): void {
    const worker = new Worker(new URL("./grammar_worker.ts", import.meta.url), {
      type: "module",
      name: "grammar",
    });
    // A worker that was ended may have spoken before.
    worker.onmessage = ({ data }: MessageEvent<GrammarReply>) => {
      if (worker === this.#worker) this.#receive(data);
    };
    worker.onerror = (event) => {
      event.preventDefault(); // or the runtime ends the whole process
      if (worker === this.#worker) this.#replace();
    };
    this.#worker = worker;
    this.#isStarting = true;
    worker.postMessage(
      {
        type: "vocabulary",
        tokens: spellVocabulary(this.#vocabulary),
        eosTokenIds: [...this.#vocabulary.eosTokenIds],
      } satisfies GrammarRequest,
    );
    this.#watch();
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#worker?.terminate();
    this.#worker = null;
  }

  /** Gives the request that the worker is at its time. */
  #watch(): void {
    clearTimeout(this.#timer);
    if (!this.#isStarting && this.#pending.length === 0) return;
    this.#timer = setTimeout(
      () => this.#replace(),
      this.#isStarting ? MAX_START_MS : this.#maxRequestMs + furtherTime(this.#pending[0]!),
    );
  }

  #receive(reply: GrammarReply): void {
    if (this.#isStarting) {
      this.#isStarting = false;
      if (reply.type === "failed") this.#giveUp(reply.message);
      else this.#watch();
      return;
    }
    if (reply.type === "failed" && reply.isBroken) return this.#replace();
    const pending = this.#pending.shift()!;
    this.#watch();
    if (reply.type !== "failed") return pending.resolve(reply);
    this.#forget(pending.session);
    pending.reject(faultOf(pending, reply.message));
  }

  /** Ends the worker at the request that it could not do, and leads a new one to where all other sequences are. */
  #replace(): void {
    this.#stop();
    if (this.#isStarting) return this.#giveUp("its worker does not start");
    const [culprit, ...others] = this.#pending;
    this.#pending = [];
    if (culprit) {
      this.#sessions.delete(culprit.session.id);
      if (culprit.request.type === "open") this.#refuse(culprit.session.constraint.grammar);
      culprit.reject(faultOf(culprit, "it takes too long"));
    }
    for (const pending of others) {
      if (!this.#sessions.has(pending.session.id)) pending.reject(brokenGrammar());
    }
    if (this.#sessions.size === 0) return;
    this.#start();
    for (const session of this.#sessions.values()) {
      const { id, constraint, tokens } = session;
      const request: SessionRequest = { type: "open", id, constraint, tokens: [...tokens] };
      const own = others.filter((pending) => pending.session === session);
      const next = own.find((pending) => pending.request.type !== "check");
      this.#send({ session, resolve: () => {}, reject: () => {}, ...next, request });
      for (const pending of own) if (pending.request.type === "check") this.#send(pending);
    }
  }

  #refuse(grammar: string): void {
    if (this.#refused.size >= MAX_REFUSED) {
      this.#refused.delete(this.#refused.values().next().value!);
    }
    this.#refused.add(grammar);
  }

  #giveUp(reason: string): void {
    this.#isStarting = false;
    this.#stop();
    this.#sessions.clear();
    this.#failPending(
      new EngineError("engine_failed", `Cannot constrain this model's output: ${reason}`),
    );
  }

  #failPending(error: Error): void {
    const pending = this.#pending;
    this.#pending = [];
    for (const { reject } of pending) reject(error);
  }

  #forget(session: Session): void {
    if (!this.#sessions.delete(session.id)) return;
    this.#worker?.postMessage({ type: "close", id: session.id } satisfies GrammarRequest);
  }
}

/** A new worker has to compile grammars again that were known before. */
function furtherTime({ request }: Pending): number {
  if (request.type !== "open") return 0;
  return MAX_FURTHER_SCHEMA_MS * Object.keys(request.constraint.argumentSchemas).length;
}

function readNext(reply: GrammarReply): NextTokens {
  if (reply.type !== "next") throw brokenGrammar();
  return reply.next;
}

/** A grammar that fails at once is the request's fault, one that fails later is ours. */
function faultOf({ request }: Pending, reason: string): EngineError {
  return request.type === "open" && request.tokens.length === 0
    ? tooComplex(request.constraint)
    : brokenGrammar(reason);
}

function tooComplex({ textSchema }: Constraint): InvalidRequestError {
  return new InvalidRequestError(
    textSchema === null ? "tools" : "response_format",
    "The schema cannot be enforced: it does not compile to a grammar in time; make it simpler",
  );
}

function brokenGrammar(reason = "its grammar is gone"): EngineError {
  return new EngineError("engine_failed", `The answer cannot be constrained any more: ${reason}`);
}
