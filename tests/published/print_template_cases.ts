/**
 * Prints templates and conversations for `tests/fixtures/templates/generate.py`, which see.
 *
 * @module
 */
import { shapeMessages, shapeTools } from "../../engine/text/template/chat_template.ts";
import { TEMPLATE_CASES } from "../support/template_cases.ts";
import { readFixtureTemplates, readPublishedTemplates } from "./templates.ts";

const keep = (text: string) => text;

console.log(JSON.stringify({
  templates: [...await readPublishedTemplates(), ...readFixtureTemplates()],
  cases: TEMPLATE_CASES.map(({ name, messages, tools }) => ({
    name,
    messages: shapeMessages(messages, keep),
    tools: tools.length === 0 ? null : shapeTools(tools, keep),
  })),
}));
