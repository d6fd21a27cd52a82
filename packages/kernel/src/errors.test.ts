import { expect, test } from "bun:test";
import { AppError, isErrorCode, randomId, randomSecret, redactSecrets, toAppError } from "./index.ts";

test("an AppError carries status and retryability of its code", () => {
  const error = new AppError("HOST_FULL", "Cannot create sandbox: the host is full", { hint: "Try later" });
  expect({ status: error.status, isRetryable: error.isRetryable, hint: error.hint }).toEqual({
    status: 503,
    isRetryable: true,
    hint: "Try later",
  });
});

test("an unknown throwable becomes INTERNAL and its text stays with the cause", () => {
  const error = toAppError(new Error("password is hunter2"));
  expect(error.code).toBe("INTERNAL");
  expect(error.message).not.toContain("hunter2");
  expect(error.cause).toBeInstanceOf(Error);
  expect(isErrorCode("INTERNAL")).toBe(true);
  expect(isErrorCode("toString")).toBe(false);
});

test("ids are plain lower-case alphanumerics and secrets fit into a URL", () => {
  expect(randomId(24)).toMatch(/^[0-9a-z]{24}$/);
  expect(new Set(Array.from({ length: 1000 }, () => randomId())).size).toBe(1000);
  expect(randomSecret()).toMatch(/^[\w-]{43}$/);
});

test("redactSecrets takes bearer tokens and token parameters out of a text", () => {
  const text = "GET /x?a=1&bl_preview_token=abc-DEF_1&b=2 authorization: Bearer dm_secret.part";
  expect(redactSecrets(text)).toBe("GET /x?a=1&bl_preview_token=[redacted]&b=2 authorization: Bearer [redacted]");
});

test("redactSecrets takes keys, passwords of addresses and secret fields out of JSON, which stays JSON", () => {
  const event = {
    err: { message: 'connect postgres://dormouse:hunter2@db/x with key dm_abc-DEF_12, "quoted"' },
    request: { authorization: "Basic abc=", "set-cookie": 'bl="hunter2"; Path=/', path: "/?client_secret=hunter2&a=1" },
    clientSecret: "hunter\\2",
    event: "preview.token.create",
    apiKeyId: "key-1",
    tokenCount: 3,
  };
  const clean = redactSecrets(JSON.stringify(event));
  expect(clean).not.toMatch(/hunter|abc/);
  expect(JSON.parse(clean)).toMatchObject({
    err: { message: 'connect postgres://dormouse:[redacted]@db/x with key dm_[redacted], "quoted"' },
    request: { path: "/?client_secret=[redacted]&a=1" },
    event: "preview.token.create",
    apiKeyId: "key-1",
    tokenCount: 3,
  });
});
