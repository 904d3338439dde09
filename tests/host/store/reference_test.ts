import assert from "node:assert/strict";
import { homedir } from "node:os";
import { type ModelReference, parseReference } from "../../../engine/store/reference.ts";

const name = (name: string, revision: string | null = null): ModelReference => ({
  kind: "name",
  name,
  revision,
});
const repository = (repository: string, revision: string | null = null): ModelReference => ({
  kind: "repository",
  repository,
  revision,
});
const path = (path: string): ModelReference => ({ kind: "path", path });

const CASES: [text: string, expected: ModelReference][] = [
  ["llama3-1B-chat", name("llama3-1B-chat")],
  ["  llama3-1B-chat\n", name("llama3-1B-chat")],
  ["llama3-1B-chat@v1.0", name("llama3-1B-chat", "v1.0")],
  ["org/name", name("org/name")],
  ["org/name@main", name("org/name", "main")],
  ["org/name@_x-", name("org/name", "_x-")],
  ["hf:org/name", repository("org/name")],
  ["HF:org/name@main", repository("org/name", "main")],
  ["hf://org/name", repository("org/name")],
  ["/m", path("/m")],
  ["/m@x", path("/m@x")],
  ["/a/../m", path("/m")],
  ["path:/m", path("/m")],
  ["PATH:///m", path("/m")],
  ["path:m", path(`${Deno.cwd()}/m`)],
  ["./m", path(`${Deno.cwd()}/m`)],
  ["..", path(Deno.cwd().slice(0, Deno.cwd().lastIndexOf("/")))],
  ["~/m", path(`${homedir()}/m`)],
];

for (const [text, expected] of CASES) {
  Deno.test(`parseReference() reads ${JSON.stringify(text)}`, () => {
    assert.deepEqual(parseReference(text), expected);
  });
}

Deno.test("parseReference() reads a drive letter as a path", () => {
  assert.equal(parseReference("C:\\models\\m").kind, "path");
  assert.equal(parseReference("c:/m").kind, "path");
});

Deno.test("parseReference() says what is wrong with a revision or a repository", () => {
  const faults: [text: string, fault: RegExp][] = [
    ["org/name@", /^After "@" a revision follows/],
    ["name@", /^After "@" a revision follows/],
    ["org/name@refs/pr/12", /^After "@" a revision follows/],
    ["org/name@a..b", /^After "@" a revision follows/],
    ["org/name@a@b", /^After "@" a revision follows/],
    ["org/name@" + "x".repeat(65), /^After "@" a revision follows/],
    ["hf:name", /^After "hf:" a hub repository follows, as in org\/name/],
    ["hf:", /^After "hf:"/],
    ["hf:org/a--b", /^After "hf:"/],
    ["hf:../etc/passwd", /^After "hf:"/],
    ["hf:org/../etc", /^After "hf:"/],
    ["hf:a/b/c", /^After "hf:"/],
  ];
  for (const [text, expected] of faults) {
    const parsed = parseReference(text);
    assert.match(parsed.kind === "opaque" ? parsed.fault ?? "" : parsed.kind, expected, text);
  }
});

Deno.test("parseReference() takes nothing else for a name", () => {
  const texts = [
    "",
    "@main",
    "qwen3.5:9b-bf16",
    "foo://bar",
    "https://huggingface.co/org/name",
    "a/b/c",
    "a/../b",
    "a..b",
    "a\\b",
    "%2e%2e/etc",
    "a\0b",
    "/etc\0/x",
    "path:",
    "-model",
    ".hidden",
    "a b",
    "x".repeat(97),
  ];
  for (const text of texts) {
    assert.deepEqual(parseReference(text), { kind: "opaque", fault: null }, text);
  }
});
