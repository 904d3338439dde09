import assert from "node:assert/strict";
import { EngineError, InvalidRequestError } from "../../../engine/errors.ts";
import { type Constraint, GrammarService } from "../../../engine/sampling/grammar/mod.ts";
import { createByteGrammars, END, readAllowed } from "../../support/grammar_walk.ts";

const constraint = (grammar: string): Constraint => ({
  grammar,
  textSchema: null,
  argumentSchemas: {},
});
const AB = constraint('root ::= "ab" | "ac"');
/** Compiles for seconds: every state is looked at with every token. */
const SLOW = constraint(
  `root ::= ${Array.from({ length: 400 }, (_, i) => `a${i}`).join(" ")}\n` +
    Array.from({ length: 400 }, (_, i) => `a${i} ::= ([a-z] | "x${i}"){0,100}`).join("\n"),
);
const [A, B, AB_TOKEN] = [97, 98, END + 5];

Deno.test("GrammarService.open() refuses what does not compile, and goes on", async () => {
  const grammars = createByteGrammars();
  for (const grammar of ["root ::=", "root ::= missing", "nothing", 'root ::= "a']) {
    await assert.rejects(grammars.open(constraint(grammar)), InvalidRequestError, grammar);
  }
  const session = await grammars.open(AB);
  assert.deepEqual(await readAllowed(session), [A, AB_TOKEN]);
  assert.equal(grammars.numSessions, 1);
  session.close();
  assert.equal(grammars.numSessions, 0);
  grammars.close();
});

Deno.test("GrammarService.open() refuses what compiles too long, and other sequences go on", async () => {
  const grammars = createByteGrammars(300);
  const session = await grammars.open(AB);
  session.accept(A);
  const start = performance.now();
  const slow = grammars.open(SLOW);
  const next = session.next();
  await assert.rejects(slow, InvalidRequestError);
  assert.ok(performance.now() - start < 2000);
  assert.equal((await next).isComplete, false);
  session.accept(B);
  assert.equal((await session.next()).isComplete, true);
  const again = performance.now();
  await assert.rejects(grammars.open(SLOW), InvalidRequestError);
  assert.ok(performance.now() - again < 50, "the second time it is known");
  grammars.close();
});

Deno.test("GrammarSession.next() of a sequence whose grammar broke fails, and no other", async () => {
  const grammars = createByteGrammars();
  const broken = await grammars.open(AB);
  const fine = await grammars.open(AB);
  broken.accept(B); // not allowed
  fine.accept(A);
  await assert.rejects(broken.next(), EngineError);
  assert.equal((await fine.next()).isComplete, false);
  assert.equal(grammars.numSessions, 1);
  grammars.close();
});

Deno.test("GrammarSession.next() knows that a grammar may end and that it has ended", async () => {
  const grammars = createByteGrammars();
  const session = await grammars.open(constraint('root ::= "a" "b"?'));
  session.accept(A);
  assert.deepEqual(await readAllowed(session), [B, END]);
  session.accept(B);
  assert.equal(await readAllowed(session), null);
  grammars.close();
});

Deno.test("GrammarSession.next() allows no malformed character", async () => {
  const grammars = createByteGrammars();
  const session = await grammars.open(constraint("root ::= [^\\x00-\\x7f]*"));
  const first = await readAllowed(session);
  assert.ok(first!.includes(0xc3) && !first!.includes(0xc0) && !first!.includes(0xff));
  session.accept(0xe0);
  const second = (await readAllowed(session))!.filter((id) => id < END);
  assert.deepEqual([second[0], second.at(-1)], [0xa0, 0xbf]);
  grammars.close();
});

Deno.test("GrammarService.close() fails what waits", async () => {
  const grammars = createByteGrammars();
  const opening = grammars.open(AB);
  grammars.close();
  await assert.rejects(opening, EngineError);
});

Deno.test("GrammarService fails a request whose vocabulary cannot spell the grammar", async () => {
  const grammars = new GrammarService({
    numTokens: 3,
    eosTokenIds: new Set([2]),
    tokenBytes: (id) => Uint8Array.of(A + id),
  });
  await assert.rejects(grammars.open(constraint('root ::= "z"')), EngineError);
  grammars.close();
});
