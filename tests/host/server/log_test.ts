import assert from "node:assert/strict";
import { configureSync, resetSync } from "@logtape/logtape";
import { formatRecord } from "../../../server/log.ts";
import { warnUnknownFields } from "../../../server/openai/unknown_fields.ts";

Deno.test("formatRecord() keeps a value from starting a line or moving the cursor", () => {
  const line = formatRecord({
    category: ["ollm"],
    level: "info",
    message: ["GET ", "/a\r\nERROR \u001b[2J\u202e", ""],
    rawMessage: "",
    timestamp: Date.UTC(2026, 0, 31),
    properties: {},
  });
  assert.equal(line, "2026-01-31T00:00:00.000Z INFO GET /a\\u{d}\\nERROR \\u{1b}[2J\\u{202e}");
});

Deno.test("warnUnknownFields() names each unknown field once", () => {
  const lines: string[] = [];
  configureSync({
    sinks: { lines: (record) => lines.push(record.message.join("")) },
    loggers: [
      { category: ["ollm"], lowestLevel: "warning", sinks: ["lines"] },
      { category: ["logtape", "meta"], lowestLevel: "fatal", sinks: [] },
    ],
  });
  try {
    const options = { known: ["model", "user"], kind: "chat completion request" };
    warnUnknownFields({ model: "a", user: "b", log_test_1: 1, log_test_2: 2 }, options);
    warnUnknownFields({ log_test_1: 1 }, options);
  } finally {
    resetSync();
  }
  assert.deepEqual(lines, [
    "Ignored the unknown field log_test_1 of a chat completion request",
    "Ignored the unknown field log_test_2 of a chat completion request",
  ]);
});
