/**
 * Damaged and hostile chat templates.
 *
 * @module
 */
import type { Choose } from "./choose.ts";

/** Pieces of Jinja, whole and broken, that mean something anywhere. */
const PIECES = [
  "{% for m in messages %}",
  "{%- for i in range(9999) -%}",
  "{% for i in range(10**9) %}",
  "{% for k, v in messages[0].items() %}",
  "{% endfor %}",
  "{% if messages %}",
  "{% elif tools %}",
  "{% else %}",
  "{% endif %}",
  "{% set x = messages %}",
  "{% set x %}",
  "{% endset %}",
  "{% set ns = namespace(s='xxxxxxxx', l=[1]) %}",
  "{% set ns.s = ns.s + ns.s %}",
  "{% set ns.l = ns.l + ns.l %}",
  "{% set ns.l = [ns.l, ns.l] %}",
  "{% set ns.me = ns %}",
  "{% macro f(a, b=1) %}{{ f(a) }}{% endmacro %}",
  "{% macro g(a) %}{{ a }}{% endmacro %}",
  "{{ f(1) }}",
  "{{ g(messages) }}",
  "{% call g(1) %}x{% endcall %}",
  "{% filter upper %}",
  "{% endfilter %}",
  "{% break %}",
  "{% continue %}",
  "{% generation %}",
  "{% raw %}",
  "{% include 'x' %}",
  "{% import 'os' as os %}",
  "{{ messages }}",
  "{{ messages | tojson }}",
  "{{ ns | tojson }}",
  "{{ ns.l | tojson(indent=9) }}",
  "{{ ns.s | replace('x', ns.s) }}",
  "{{ ns.s.replace('x', ns.s) }}",
  "{{ ns.s.join(ns.l) }}",
  "{{ ns.s.split('x') | length }}",
  "{{ ns.s | indent(10**8) }}",
  "{{ ns.s * 10**9 }}",
  "{{ 'x' * 10**9 }}",
  "{{ [1] * 10**9 }}",
  "{{ 2 ** 10000 }}",
  "{{ 1 / 0 }}",
  "{{ messages[10**12] }}",
  "{{ messages[::-1] }}",
  "{{ messages[::0] }}",
  "{{ messages['__proto__'] }}",
  "{{ messages.constructor.constructor('return Deno')() }}",
  "{{ ''.__class__.__mro__ }}",
  "{{ __proto__ }}",
  "{{ self }}",
  "{{ loop.index }}",
  "{{ raise_exception('no') }}",
  "{{ raise_exception(messages) }}",
  "{{ strftime_now('%Y %d %b') }}",
  "{{ strftime_now(messages) }}",
  "{{ range(3, 0, -1) | list }}",
  "{{ range('a') }}",
  "{{ range(1, 2, 0) }}",
  "{{ messages | map(attribute='content') | join('x') }}",
  "{{ messages | selectattr('role', 'equalto', 'user') | list | length }}",
  "{{ messages | sort(attribute='role') }}",
  "{{ messages | first | last }}",
  "{{ messages | nonsense }}",
  "{{ undefined_function() }}",
  "{{ messages is mapping and not tools }}",
  "{{ messages in messages }}",
  "{{ 'a' if tools else }}",
  "{{ {'a': 1, 'b': [{}]} }}",
  "{{ {1: 2} }}",
  "{{ -messages }}",
  "{{ ~ }}",
  "{{ '",
  "{# ",
  " #}",
  "{{",
  "}}",
  "{%",
  "%}",
  "-%}",
  "<|im_start|>",
  "\n",
  "{{ '<|im_' ~ 'end|>' }}",
  '{{ "\\u0000\\ud800" }}',
];

/** Nested ones, whose depth counts. */
const NESTS: [open: string, middle: string, close: string][] = [
  ["{% if true %}", "x", "{% endif %}"],
  ["{% for a in messages %}", "x", "{% endfor %}"],
  ["{{ (", "1", ") }}"],
  ["(", "1", ")"],
  ["[", "1", "]"],
  ["not ", "x", ""],
  ["-", "1", ""],
  ["{'a': ", "1", "}"],
];

/** Changes a template: pieces in it, parts of it gone, or another one in its place. */
export function damageTemplate(template: string, choose: Choose): string {
  switch (choose.below(6)) {
    case 0:
      return template.slice(0, choose.below(template.length));
    case 1:
      return cutOut(template, choose);
    case 2:
    case 3:
      return insertPieces(template, choose);
    case 4:
      return Array.from({ length: 1 + choose.below(12) }, () => choose.of(PIECES)).join("");
    default:
      return nest(choose);
  }
}

function cutOut(template: string, choose: Choose): string {
  const start = choose.below(template.length);
  const length = 1 + choose.below(choose.of([3, 30, 300]));
  return template.slice(0, start) + template.slice(start + length);
}

function insertPieces(template: string, choose: Choose): string {
  let result = template;
  for (let i = 1 + choose.below(3); i > 0; i--) {
    // Mostly between tags, so that the rest stays whole.
    const ends = [...result.matchAll(/%}|}}/g)].map(({ index }) => index + 2);
    const at = ends.length > 0 && choose.chance(0.7)
      ? choose.of(ends)
      : choose.below(result.length + 1);
    result = result.slice(0, at) + choose.of(PIECES) + result.slice(at);
  }
  return result;
}

function nest(choose: Choose): string {
  const [open, middle, close] = choose.of(NESTS);
  const depth = choose.of([3, 60, 600, 6000, 60_000]);
  const nested = open.repeat(depth) + middle + close.repeat(depth);
  return open.startsWith("{%") || open.startsWith("{{") ? nested : `{{ ${nested} }}`;
}
