import assert from "node:assert/strict";
import { InvalidRequestError, ModelInvalidError } from "../../../engine/errors.ts";
import type { TemplateMessage } from "../../../engine/text/template/chat_template.ts";
import { formatTime } from "../../../engine/text/template/format_time.ts";
import { compileJinjaTemplate } from "../../../engine/text/template/jinja_template.ts";

const HI: TemplateMessage[] = [{ role: "user", content: "hi" }];

function render(source: string, messages = HI): string {
  return compileJinjaTemplate({
    path: "chat_template.jinja",
    source,
    variables: { bos_token: "<s>" },
  })
    .render(messages, []).text;
}

Deno.test("ChatTemplate.render() gives templates the published variables", () => {
  assert.equal(
    render("{{ bos_token }}{{ messages[0].role }}{{ add_generation_prompt }}{{ tools is none }}"),
    "<s>userTrueTrue",
  );
});

Deno.test("ChatTemplate.render() strips the characters that a template names", () => {
  assert.equal(render(String.raw`[{{ "\n a\n".strip("\n") }}]`), "[ a]");
  assert.equal(render(String.raw`[{{ "\n\na\n".lstrip("\n") }}]`), "[a\n]");
  assert.equal(render(String.raw`[{{ "xyaxy".rstrip("yx") }}]`), "[xya]");
  assert.equal(render(`[{{ "  a ".strip() }}]`), "[a]");
});

Deno.test("ChatTemplate.render() takes texts and tables for sequences, as Python does", () => {
  assert.equal(render("{% for c in 'a😀' %}[{{ c }}]{% endfor %}"), "[a][😀]");
  assert.equal(render("{{ {'b': 1, 'a': 2} | sort | join(',') }}"), "a,b");
  assert.equal(render("{{ {'b': 1, 'a': 2} | list | first }}"), "b");
  assert.equal(
    render("{{ 'ab' | list | last }}{{ 'ab' | selectattr('x') | list | length }}"),
    "b0",
  );
});

Deno.test("ChatTemplate.render() selects, rejects and formats as Python does", () => {
  assert.equal(render("{{ [1, 2, 3] | reject('in', [2]) | join('-') }}"), "1-3");
  assert.equal(render("{{ [1, 2, 3] | select('gt', 1) | join('-') }}"), "2-3");
  assert.equal(
    render("{{ ['', 'a'] | select | join }}{{ [1, 'x'] | select('string') | join }}"),
    "ax",
  );
  assert.equal(render("{{ '%s=%d%%' | format('a', 5) }}"), "a=5%");
  assert.equal(render("{{ true }} {{ false | string }} {{ none | string }}"), "True False None");
});

Deno.test("ChatTemplate.render() counts nothing that a loop leaves by break or continue", () => {
  const source = "{% for i in range(600) %}{% if i < 590 %}{% continue %}{% endif %}" +
    "{% if i == 592 %}{% break %}{% endif %}{{ i }}{% endfor %}";
  assert.equal(render(source), "590591");
});

Deno.test("ChatTemplate.render() passes a template's own refusal on", () => {
  assert.throws(
    () => render("{{ raise_exception('Roles must alternate') }}"),
    (error) =>
      error instanceof InvalidRequestError && error.param === "messages" &&
      error.message === "The model's chat template refuses these messages: Roles must alternate",
  );
});

Deno.test("ChatTemplate.render() blames the model for a template that cannot be run", () => {
  assert.throws(() => render("{{ messages | no_such_filter }}"), ModelInvalidError);
  assert.throws(() => render("{{ no_such_function() }}"), ModelInvalidError);
});

for (
  const [name, source, message] of [
    ["that nests too deeply", "{{ " + "[".repeat(60_000) + "]".repeat(60_000) + " }}", /nests too/],
    ["that negates too often", "{{ " + "not ".repeat(30_000) + "x }}", /it nests too deeply/],
    ["of a megabyte", "x".repeat(1e6), /it has 1000000 characters, at most 131072 are allowed/],
    ["that is broken", "{% if %}", /Cannot read the chat template of "chat_template\.jinja": /],
  ] as const
) {
  Deno.test(`compileJinjaTemplate() refuses a template ${name}`, () => {
    assert.throws(
      () => render(source),
      (error) => error instanceof ModelInvalidError && message.test(error.message),
    );
  });
}

Deno.test("ChatTemplate.render() cuts a long refusal short", () => {
  assert.throws(
    () =>
      render("{{ raise_exception(messages[0].content) }}", [
        { role: "user", content: "x".repeat(1e6) },
      ]),
    (error) => error instanceof InvalidRequestError && error.message.length < 500,
  );
});

Deno.test("ChatTemplate.render() shows templates nothing of the host", () => {
  for (const name of ["Deno", "globalThis", "constructor", "process", "this", "__proto__"]) {
    assert.equal(render(`{{ ${name} is defined }}`), "False");
    assert.equal(render(`{{ messages[0].${name} is defined }}`), "False");
  }
});

const HOSTILE_TEMPLATES: [name: string, source: string, message: RegExp][] = [
  [
    "a range of ten million",
    "{% for i in range(10**7) %}{% endfor %}",
    /range\(\) of 10000000 items/,
  ],
  ["an endless range", "{% for i in range(0, 1, 0) %}{% endfor %}", /range\(\) of Infinity items/],
  [
    "nested empty loops",
    "{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}",
    /more than (1000000 steps|250 ms)/,
  ],
  [
    "a loop that does something",
    "{% for i in range(9999) %}{% for j in range(9999) %}{{ i * j }}{% endfor %}{% endfor %}",
    /more than (1000000 steps|250 ms)/,
  ],
  [
    "a text that doubles",
    "{% set ns = namespace(s='xxxxxxxx') %}{% for i in range(40) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
    /writes \d+ characters, at most 4194304 are allowed/,
  ],
  [
    "a list that doubles",
    "{% set ns = namespace(l=[1]) %}{% for i in range(40) %}{% set ns.l = ns.l + ns.l %}{% endfor %}",
    /at most 4194304 are allowed/,
  ],
  [
    "a replacement that grows",
    "{% set ns = namespace(s='aaaaaaaa') %}{% for i in range(18) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s | replace('a', ns.s) }}",
    /writes \d+ characters/,
  ],
  [
    "a replacement by method",
    "{% set ns = namespace(s='aaaaaaaa') %}{% for i in range(18) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s.replace('a', ns.s) }}",
    /writes \d+ characters/,
  ],
  [
    "a long separator",
    "{% set ns = namespace(s='aaaaaaaa') %}{% for i in range(18) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ range(9999) | join(ns.s) }}",
    /writes \d+ characters/,
  ],
  ["a wide indent", "{{ 'a\\nb' | indent(10**9) }}", /writes \d+ characters/],
  [
    "a macro that calls itself",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    /nests deeper than/,
  ],
];

for (const [name, source, message] of HOSTILE_TEMPLATES) {
  Deno.test(`ChatTemplate.render() stops ${name}`, () => {
    const started = performance.now();
    assert.throws(
      () => render(source),
      (error) => error instanceof InvalidRequestError && message.test(error.message),
    );
    // Generous: the budget is far less on an idle machine.
    assert.ok(performance.now() - started < 5000);
  });
}

Deno.test("ChatTemplate.render() has room for 2,048 messages", () => {
  const messages: TemplateMessage[] = Array.from({ length: 2048 }, (_, i) => ({
    role: i % 2 === 0 ? "user" : "assistant",
    content: "x".repeat(500),
  }));
  const source =
    "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('x') }}" +
    "{% endif %}{{ '<|im_start|>' + m.role + '\\n' + m.content | trim + '<|im_end|>' }}{% endfor %}";
  assert.equal(render(source, messages).length, 2048 * (500 + 22) + 1024 * (5 + 10));
});

Deno.test("formatTime() writes dates as Python does, in English", () => {
  const time = new Date(2026, 2, 5, 7, 8, 9);
  assert.equal(formatTime(time, "%d %b %Y"), "05 Mar 2026");
  assert.equal(
    formatTime(time, "%A, %B %d, %y %H:%M:%S %% %q"),
    "Thursday, March 05, 26 07:08:09 % %q",
  );
});
