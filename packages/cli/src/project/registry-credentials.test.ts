import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readRegistryCredentials } from "./registry-credentials.ts";

let projectDir: string;

beforeEach(() => {
  projectDir = mkdtempSync(join(tmpdir(), "dormouse-project-"));
});
afterEach(() => rmSync(projectDir, { recursive: true, force: true }));

const read = (credentials: readonly string[] = [], dockerConfigFile?: string): unknown => {
  const text = readRegistryCredentials({ credentials, dockerConfigFile, projectDir });
  return text === undefined ? undefined : JSON.parse(text);
};

test("none where there are none", () => {
  expect(read()).toBeUndefined();
});

test("given ones win over those of a file, and a file that is named over the project's", () => {
  mkdirSync(join(projectDir, ".docker"));
  writeFileSync(
    join(projectDir, ".docker/config.json"),
    '{"auths":{"a.test":{"auth":"from-file"},"b.test":{"auth":"b"}}}',
  );
  const named = join(projectDir, "other.json");
  writeFileSync(named, '{"auths":{"c.test":{"auth":"c"}}, "credsStore": "desktop"}');
  expect(read(["a.test=user:pa:ss=word"])).toEqual({
    auths: { "a.test": { auth: btoa("user:pa:ss=word") }, "b.test": { auth: "b" } },
  });
  expect(read([], named)).toEqual({ auths: { "c.test": { auth: "c" } } });
});

test.each([[["no-login"]], [["a.test=nobody"]]])("%p is refused without being repeated", (credentials) => {
  expect(() => read(credentials)).toThrow("Cannot read registry credential 1: it is not registry=user:password");
});

test("a file that is not there, and one that is no JSON", () => {
  expect(() => read([], join(projectDir, "missing.json"))).toThrow("there is no such file");
  writeFileSync(join(projectDir, "bad.json"), "auth: s3cret");
  expect(() => read([], join(projectDir, "bad.json"))).toThrow("it is no Docker configuration");
});
