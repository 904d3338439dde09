import assert from "node:assert/strict";
import { formatRecord } from "../../../server/log.ts";

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
