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
