/**
 * The published document against the rules of OpenAPI 3.1.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Validator } from "@seriousme/openapi-schema-validator";
import { API_KEY, BASE_URL } from "./target.ts";

Deno.test("openapi: /openapi.json is a valid OpenAPI 3.1 document", async () => {
  const response = await fetch(new URL("/openapi.json", BASE_URL), {
    headers: { authorization: `Bearer ${API_KEY}` },
  });
  assert.equal(response.status, 200);
  const validator = new Validator();
  const { valid, errors } = await validator.validate(await response.json());
  assert.ok(valid, JSON.stringify(errors));
  assert.equal(validator.version, "3.1");
});
