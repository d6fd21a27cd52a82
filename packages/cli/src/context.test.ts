import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readConfig, withWorkspace, writeConfig } from "./config/config-file.ts";
import { DEFAULT_API_URL, openContext, readSettings } from "./context.ts";
import type { Io } from "./io.ts";

let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dormouse-context-"));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const ioWith = (env: Readonly<Record<string, string>>): Io =>
  ({ program: "bl", env, cwd: folder, home: folder, fetch, isTty: {} }) as unknown as Io;

function logIn(name: string, url?: string): void {
  const workspace = { name, credentials: { apiKey: `key-of-${name}` }, ...(url !== undefined && { url }) };
  writeConfig(folder, withWorkspace(readConfig(folder), workspace));
}

const keyOf = async (env: Readonly<Record<string, string>>, workspace?: string): Promise<string | undefined> =>
  (await openContext(ioWith(env), workspace === undefined ? {} : { workspace })).client.credential?.bearer();

const sourceOf = async (env: Readonly<Record<string, string>>): Promise<string> =>
  (await openContext(ioWith(env), {})).credentialSource;

test("the workspace: option, then blaxel.toml, then environment, then login", async () => {
  const workspaceWith = async (env: Readonly<Record<string, string>>, options = {}) =>
    (await readSettings(ioWith(env), options)).workspace;
  expect(await workspaceWith({})).toBeUndefined();
  logIn("logged-in");
  expect(await workspaceWith({})).toBe("logged-in");
  writeFileSync(join(folder, ".env"), "BL_WORKSPACE=from-file\n");
  expect(await workspaceWith({})).toBe("from-file");
  expect(await workspaceWith({ BL_WORKSPACE: "from-env" })).toBe("from-env");
  writeFileSync(join(folder, "blaxel.toml"), 'workspace = "from-toml"\n[env]\nBL_WORKSPACE = "below"\n');
  expect(await workspaceWith({ BL_WORKSPACE: "from-env" })).toBe("from-toml");
  expect(await workspaceWith({}, { workspace: "from-option" })).toBe("from-option");
});

test("the server: environment, then .env, then [env] of blaxel.toml, then login, then this machine", async () => {
  const urlWith = async (env: Readonly<Record<string, string>>) => (await readSettings(ioWith(env), {})).apiUrl;
  expect(await urlWith({})).toBe(DEFAULT_API_URL);
  logIn("main", "http://login/v0");
  expect(await urlWith({})).toBe("http://login/v0");
  writeFileSync(join(folder, "blaxel.toml"), '[env]\nBL_API_URL = "http://toml/v0"\n');
  expect(await urlWith({})).toBe("http://toml/v0");
  writeFileSync(join(folder, ".env"), "BL_API_URL=http://file/v0/\n");
  expect(await urlWith({})).toBe("http://file/v0");
  expect(await urlWith({ BL_API_URL: "http://env/v0" })).toBe("http://env/v0");
});

test("the credential: environment, then login, then .env and [env] of blaxel.toml", async () => {
  writeFileSync(join(folder, ".env"), "BL_API_KEY=from-file\n");
  expect(await keyOf({ BL_WORKSPACE: "main" })).toBe("from-file");
  logIn("main", "http://login/v0");
  expect(await keyOf({})).toBe("key-of-main");
  expect(await keyOf({ BL_API_KEY: "from-env" })).toBe("from-env");
  expect(await sourceOf({ BL_API_KEY: "from-env" })).toBe("API key from environment variable BL_API_KEY");
  expect(await sourceOf({ BL_CLIENT_CREDENTIALS: "id:secret" })).toBe(
    "client credentials from environment variable BL_CLIENT_CREDENTIALS",
  );
});

test("a login goes to its own server only", async () => {
  logIn("main", "http://login/v0");
  await expect(keyOf({ BL_API_URL: "http://other/v0" })).rejects.toThrow("there are none for http://other/v0");
  await expect(keyOf({}, "unknown")).rejects.toThrow("Invalid credentials for workspace 'unknown'");
});

test("without a workspace a login is asked for", async () => {
  await expect(keyOf({ BL_API_KEY: "key" })).rejects.toThrow("Login required");
});
