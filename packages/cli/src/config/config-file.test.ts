import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { configPath, findWorkspace, readConfig, withoutWorkspace, withWorkspace, writeConfig } from "./config-file.ts";

let home = "";

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "dormouse-config-"));
});

afterEach(() => rmSync(home, { recursive: true, force: true }));

function writeByHand(text: string): void {
  mkdirSync(join(home, ".blaxel"));
  writeFileSync(configPath(home), text);
}

test("there is none before the first login", () => {
  expect(readConfig(home)).toEqual({ context: {}, workspaces: [] });
});

test("a login is written for its owner only, and becomes current", () => {
  writeConfig(
    home,
    withWorkspace(readConfig(home), { name: "one", credentials: { apiKey: "dm_1" }, url: "http://a/v0" }),
  );
  writeConfig(home, withWorkspace(readConfig(home), { name: "two", credentials: { apiKey: "dm_2" } }));
  writeConfig(home, withWorkspace(readConfig(home), { name: "one", credentials: { apiKey: "dm_3" } }));
  const config = readConfig(home);
  expect(config.context.workspace).toBe("one");
  expect(config.workspaces.map(({ name }) => name)).toEqual(["two", "one"]);
  expect(findWorkspace(config, "one")?.credentials?.apiKey).toBe("dm_3");
  expect(statSync(configPath(home)).mode & 0o777).toBe(0o600);
  expect(statSync(join(home, ".blaxel")).mode & 0o777).toBe(0o755);
  expect(readdirSync(join(home, ".blaxel"))).toEqual(["config.yaml"]);
});

test("what Blaxel's command line wrote is understood, and what is not ours is kept", () => {
  writeByHand(`context:
  workspace: main
workspaces:
- name: main
  env: dev
  credentials:
    access_token: a.b.c
    refresh_token: r
    expires_in: 7200
    device_code: d
    later: 1
tracking: false
other: kept
`);
  const config = readConfig(home);
  writeConfig(home, withWorkspace(config, { name: "second", credentials: { apiKey: "k" } }));
  const text = readFileSync(configPath(home), "utf8");
  for (const kept of ["tracking: false", "other: kept", "env: dev", "later: 1", "expires_in: 7200"]) {
    expect(text).toContain(kept);
  }
});

test("who logs out of the current workspace has none", () => {
  const config = withWorkspace(withWorkspace(readConfig(home), { name: "one" }), { name: "two" });
  expect(withoutWorkspace(config, "two").context.workspace).toBe("");
  expect(withoutWorkspace(config, "one").context.workspace).toBe("two");
});

test("a file that makes no sense is an error that names it", () => {
  writeByHand("workspaces: [{ name: 5 }]\n");
  expect(() => readConfig(home)).toThrow(`Cannot read "${configPath(home)}"`);
});
