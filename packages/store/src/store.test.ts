import { expect, test } from "bun:test";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomId, type AppError } from "@dormouse/kernel";
import {
  PreviewName,
  PreviewSpec,
  SandboxCreateRequest,
  SandboxId,
  SandboxName,
  SandboxSpec,
  WorkspaceName,
} from "@dormouse/schema";
import type { PreviewRecord } from "./previews.ts";
import type { SandboxRecord } from "./sandboxes.ts";
import { openStore, type Store } from "./store.ts";

const WORKSPACE = WorkspaceName.parse("default");

async function openInstalledStore(sqlitePath = ":memory:"): Promise<Store> {
  const store = await openStore({ sqlitePath });
  await store.accounts.install("seed", { id: "k1", workspace: WORKSPACE, name: "first", hash: "h1", createdAtMs: 1 });
  return store;
}

function newSandbox(name: string): SandboxRecord {
  return {
    id: SandboxId.parse(randomId()),
    workspace: WORKSPACE,
    name: SandboxName.parse(name),
    displayName: undefined,
    externalId: undefined,
    labels: {},
    spec: SandboxSpec.parse(SandboxCreateRequest.parse({}).spec),
    status: "DEPLOYING",
    events: [],
    createdAtMs: 1,
    updatedAtMs: 1,
  };
}

function newPreview(sandbox: SandboxRecord, name: string, id: string = randomId()): PreviewRecord {
  return {
    id,
    sandboxId: sandbox.id,
    name: PreviewName.parse(name),
    displayName: undefined,
    spec: PreviewSpec.parse({ port: 3000 }),
    createdAtMs: 1,
  };
}

/** The code a store call fails with, if it fails. */
const codeOf = (call: Promise<void>): Promise<string | undefined> =>
  call.then(
    () => undefined,
    (error: AppError) => error.code,
  );

test("what was stored is there after the file is closed and opened again", async () => {
  const folder = await mkdtemp(join(tmpdir(), "dormouse-store-"));
  try {
    const sqlitePath = join(folder, "test.db");
    const sandbox = newSandbox("kept");
    {
      await using store = await openInstalledStore(sqlitePath);
      await store.sandboxes.insert(sandbox);
    }
    await using store = await openStore({ sqlitePath });
    expect(await store.sandboxes.find(WORKSPACE, "kept")).toEqual(sandbox);
    expect(await store.accounts.previewSecret()).toBe("seed");
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("nobody but the server's user can read the database", async () => {
  const folder = await mkdtemp(join(tmpdir(), "dormouse-store-"));
  try {
    const sqlitePath = join(folder, "test.db");
    await using store = await openInstalledStore(sqlitePath);
    await store.sandboxes.insert(newSandbox("private"));
    for (const file of await readdir(folder)) expect((await stat(join(folder, file))).mode & 0o077).toBe(0);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("an installation is set up once: a second attempt changes nothing", async () => {
  await using store = await openInstalledStore();
  const again = { id: "k2", workspace: WORKSPACE, name: "second", hash: "h2", createdAtMs: 2 };
  expect(await store.accounts.install("other", again)).toBe(false);
  expect(await store.accounts.previewSecret()).toBe("seed");
  expect(await store.accounts.apiKeys()).toHaveLength(1);
});

test("a name is taken by a live sandbox only", async () => {
  await using store = await openInstalledStore();
  const first = newSandbox("same");
  await store.sandboxes.insert(first);
  expect(await codeOf(store.sandboxes.insert(newSandbox("same")))).toBe("SANDBOX_ALREADY_EXISTS");
  await store.sandboxes.mark(first.id, "TERMINATED", 2);
  await store.sandboxes.insert(newSandbox("same"));
  expect(await store.sandboxes.all()).toHaveLength(2);
});

test("a change applies only from the status it was meant for", async () => {
  await using store = await openInstalledStore();
  const sandbox = newSandbox("fenced");
  await store.sandboxes.insert(sandbox);
  await store.sandboxes.mark(sandbox.id, "DELETING", 2);
  expect(await store.sandboxes.change(sandbox.id, "DEPLOYING", { status: "DEPLOYED", updatedAtMs: 3 })).toBeUndefined();
  expect(await store.sandboxes.find(WORKSPACE, "fenced")).toMatchObject({ status: "DELETING", updatedAtMs: 2 });
});

test("removing a sandbox removes its previews and their tokens", async () => {
  await using store = await openInstalledStore();
  const sandbox = newSandbox("parent");
  await store.sandboxes.insert(sandbox);
  const preview = newPreview(sandbox, "web");
  await store.previews.insert(preview);
  await store.previews.insertToken({ previewId: preview.id, name: "t", value: "v", expiresAtMs: undefined });
  await store.sandboxes.remove(sandbox.id);
  expect(await store.previews.all()).toEqual([]);
  expect(await store.previews.allTokens()).toEqual([]);
});

test("a preview needs a sandbox that stays, and a free name and id; a refused replacement replaces nothing", async () => {
  await using store = await openInstalledStore();
  const [sandbox, other] = [newSandbox("one"), newSandbox("two")];
  const preview = newPreview(sandbox, "web", "taken");
  expect(await codeOf(store.previews.insert(preview))).toBe("SANDBOX_NOT_FOUND");
  await store.sandboxes.insert(sandbox);
  await store.sandboxes.insert(other);
  await store.previews.insert(preview);
  const [clash, kept] = [newPreview(other, "api", "taken"), newPreview(other, "api", "kept")];
  await store.previews.insert(kept);
  expect(await codeOf(store.previews.insert(clash, ["kept"]))).toBe("PREVIEW_ALREADY_EXISTS");
  expect(await store.previews.find(other.id, "api")).toEqual(kept);
  await store.sandboxes.mark(sandbox.id, "DELETING", 2);
  expect(await codeOf(store.previews.insert(newPreview(sandbox, "late")))).toBe("SANDBOX_NOT_FOUND");
});

test("tokens are listed in the order they were made in and removed by name or value", async () => {
  await using store = await openInstalledStore();
  const sandbox = newSandbox("keyed");
  await store.sandboxes.insert(sandbox);
  const preview = newPreview(sandbox, "web");
  await store.previews.insert(preview);
  for (const value of ["z", "a", "m"]) {
    await store.previews.insertToken({ previewId: preview.id, name: `n-${value}`, value, expiresAtMs: 7 });
  }
  expect((await store.previews.tokensOf(preview.id)).map(({ value }) => value)).toEqual(["z", "a", "m"]);
  expect(await store.previews.removeTokens(preview.id, "n-z")).toEqual(["z"]);
  expect(await store.previews.removeTokens(preview.id, "a")).toEqual(["a"]);
  expect(await store.previews.removeTokens("elsewhere", "m")).toEqual([]);
});
