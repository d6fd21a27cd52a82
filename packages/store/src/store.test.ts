import { expect, test } from "bun:test";
import { readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { AppError } from "@dormouse/kernel";
import { SandboxListQuery } from "@dormouse/schema";
import {
  describeEachDatabase,
  newPreview,
  newSandbox,
  openInstalledStore,
  PostgresServer,
  WORKSPACE,
} from "../testkit/index.ts";
import { openDatabase } from "./database.ts";
import { openStore, type SandboxRecord, type Store } from "./index.ts";

/** The code a store call fails with, if it fails. */
const codeOf = (call: Promise<unknown>): Promise<string | undefined> =>
  call.then(
    () => undefined,
    (error: AppError) => error.code,
  );

describeEachDatabase((kind) => {
  const open = async (): Promise<Store> => openInstalledStore(await kind.create());

  test("what was stored is there after the database is closed and opened again", async () => {
    const options = await kind.create();
    const sandbox = newSandbox("kept", { labels: { größe: "½ 🐁" }, createdAtMs: 1_795_000_000_000 });
    {
      await using store = await openInstalledStore(options);
      await store.sandboxes.insert(sandbox);
    }
    await using store = await openStore(options);
    expect(await store.sandboxes.find(WORKSPACE, "kept")).toEqual(sandbox);
    expect(await store.accounts.previewSecret()).toBe("seed");
  });

  test("an installation is set up once: a second attempt changes nothing", async () => {
    await using store = await open();
    const again = { id: "k2", workspace: WORKSPACE, name: "second", hash: "h2", createdAtMs: 2 };
    expect(await store.accounts.install("other", again)).toBe(false);
    expect(await store.accounts.previewSecret()).toBe("seed");
    expect(await store.credentials.apiKeys()).toHaveLength(1);
  });

  test("a name is taken by a live sandbox only", async () => {
    await using store = await open();
    const first = newSandbox("same");
    await store.sandboxes.insert(first);
    expect(await codeOf(store.sandboxes.insert(newSandbox("same")))).toBe("SANDBOX_ALREADY_EXISTS");
    await store.sandboxes.mark(first.id, "TERMINATED", 2);
    await store.sandboxes.insert(newSandbox("same"));
    expect(await store.sandboxes.all()).toHaveLength(2);
  });

  test("of many that take a name at the same time, one gets it", async () => {
    await using store = await open();
    const codes = await Promise.all(
      Array.from({ length: 20 }, () => codeOf(store.sandboxes.insert(newSandbox("wanted")))),
    );
    expect(codes.filter((code) => code === undefined)).toHaveLength(1);
    expect(codes.filter((code) => code === "SANDBOX_ALREADY_EXISTS")).toHaveLength(19);
  });

  test("a change applies only from the status it was meant for", async () => {
    await using store = await open();
    const sandbox = newSandbox("fenced");
    await store.sandboxes.insert(sandbox);
    await store.sandboxes.mark(sandbox.id, "DELETING", 2);
    const change = { status: "DEPLOYED", updatedAtMs: 3 } as const;
    expect(await store.sandboxes.change(sandbox.id, "DEPLOYING", change)).toBeUndefined();
    expect(await store.sandboxes.markDeployed(sandbox.id, [], 3)).toBeUndefined();
    expect(await store.sandboxes.find(WORKSPACE, "fenced")).toMatchObject({ status: "DELETING", updatedAtMs: 2 });
  });

  test("one that is deployed keeps what else was changed while it started", async () => {
    await using store = await open();
    const sandbox = newSandbox("starting");
    await store.sandboxes.insert(sandbox);
    await store.sandboxes.change(sandbox.id, "DEPLOYING", { displayName: "Shown", updatedAtMs: 2 });
    const events = [{ type: "status", status: "DEPLOYED", message: "Sandbox is ready", time: "2026-01-01T00:00:00Z" }];
    const deployed: SandboxRecord = { ...sandbox, displayName: "Shown", status: "DEPLOYED", events, updatedAtMs: 3 };
    expect(await store.sandboxes.markDeployed(sandbox.id, events, 3)).toEqual(deployed);
    expect(await store.sandboxes.find(WORKSPACE, "starting")).toEqual(deployed);
  });

  test("F012 F057 of a sandbox that expires the record alone stays, beside a new one of its name, until it is forgotten", async () => {
    await using store = await open();
    const sandbox = newSandbox("ended");
    await store.sandboxes.insert(sandbox);
    await store.previews.insert(newPreview(sandbox, "web"));
    const change = { lastUsedAtMs: 7, updatedAtMs: 9 };
    expect(await store.sandboxes.terminate(sandbox.id, change)).toBeUndefined();
    await store.sandboxes.mark(sandbox.id, "DELETING", 8);
    const terminated = await store.sandboxes.terminate(sandbox.id, change);
    expect(terminated).toEqual({ ...sandbox, ...change, status: "TERMINATED" });
    expect(await store.previews.all()).toEqual([]);
    await store.sandboxes.insert(newSandbox("ended"));
    await store.sandboxes.mark(sandbox.id, "DELETING", 10);
    expect(await store.sandboxes.findTerminated(WORKSPACE, "ended")).toEqual(terminated);
    await store.sandboxes.removeTerminated(WORKSPACE, sandbox.name);
    expect(await store.sandboxes.findTerminated(WORKSPACE, "ended")).toBeUndefined();
    expect(await store.sandboxes.all()).toHaveLength(1);
  });

  test("last uses of several sandboxes are stored together", async () => {
    await using store = await open();
    const sandboxes = [newSandbox("one"), newSandbox("two"), newSandbox("three")];
    for (const sandbox of sandboxes) await store.sandboxes.insert(sandbox);
    await store.sandboxes.setLastUsed([], 1);
    await store.sandboxes.setLastUsed(
      sandboxes.slice(1).map(({ id }) => id),
      1_795_000_000_000,
    );
    const stored = await Promise.all(sandboxes.map(({ id }) => store.sandboxes.findById(id)));
    expect(stored.map((sandbox) => sandbox?.lastUsedAtMs)).toEqual([undefined, 1_795_000_000_000, 1_795_000_000_000]);
  });

  test("changes of different columns at the same time are all kept", async () => {
    await using store = await open();
    for (let round = 0; round < 20; round++) {
      const sandbox = newSandbox(`shared-${round}`, { status: "DEPLOYED" });
      await store.sandboxes.insert(sandbox);
      await Promise.all([
        store.sandboxes.change(sandbox.id, "DEPLOYED", { displayName: "Shown", updatedAtMs: 2 }),
        store.sandboxes.change(sandbox.id, "DEPLOYED", { labels: { team: "a" }, updatedAtMs: 2 }),
        store.sandboxes.change(sandbox.id, "DEPLOYED", { externalId: "outside", updatedAtMs: 2 }),
      ]);
      const expected = { displayName: "Shown", labels: { team: "a" }, externalId: "outside" };
      expect(await store.sandboxes.find(WORKSPACE, sandbox.name)).toMatchObject(expected);
    }
  });

  test("of changes that leave a status at the same time, one happens", async () => {
    await using store = await open();
    const sandbox = newSandbox("contested");
    await store.sandboxes.insert(sandbox);
    const changes = await Promise.all(
      Array.from({ length: 8 }, (_, at) =>
        store.sandboxes.change(sandbox.id, "DEPLOYING", { status: "DEPLOYED", updatedAtMs: at }),
      ),
    );
    expect(changes.filter((changed) => changed !== undefined)).toHaveLength(1);
  });

  test("pages follow each other without gap or repetition, in either order, names by their bytes", async () => {
    await using store = await open();
    const names = ["a", "a-b", "a0", "ab", "b", "b-a", "b1", "z"];
    for (const [at, name] of names.toReversed().entries()) {
      await store.sandboxes.insert(newSandbox(name, { createdAtMs: Math.floor(at / 3) }));
    }
    const readAll = async (sort: string): Promise<string[]> => {
      const read: string[] = [];
      let cursor: string | undefined;
      do {
        const query = SandboxListQuery.parse({ sort, limit: 3, cursor });
        const page = await store.sandboxes.list(WORKSPACE, query, 0);
        expect(page.totalCount).toBe(names.length);
        read.push(...page.records.map(({ name }) => name as string));
        cursor = page.nextCursor;
      } while (cursor !== undefined);
      return read;
    };
    expect(await readAll("name:asc")).toEqual(names);
    expect(await readAll("name:desc")).toEqual(names.toReversed());
    expect((await readAll("createdAt:asc")).toSorted()).toEqual(names);
    expect(await readAll("createdAt:desc")).toEqual((await readAll("createdAt:asc")).toReversed());
  });

  test("the total of a list follows every write at once, and those of another server within a second", async () => {
    const options = await kind.create();
    await using store = await openInstalledStore(options);
    const totalAt = async (nowMs: number): Promise<number> =>
      (await store.sandboxes.list(WORKSPACE, SandboxListQuery.parse({}), nowMs)).totalCount;
    const [first, second] = [newSandbox("first"), newSandbox("second")];
    expect(await totalAt(0)).toBe(0);
    await store.sandboxes.insert(first);
    expect(await totalAt(0)).toBe(1);
    await store.sandboxes.insert(second);
    expect(await totalAt(0)).toBe(2);
    await store.sandboxes.change(first.id, "DEPLOYING", { status: "DELETING", updatedAtMs: 2 });
    await store.sandboxes.terminate(first.id, { updatedAtMs: 3 });
    expect(await totalAt(0)).toBe(1);
    await store.sandboxes.remove(second.id);
    expect(await totalAt(0)).toBe(0);
    await using other = await openStore(options);
    await other.sandboxes.insert(newSandbox("third"));
    expect(await totalAt(1000)).toBe(1);
  });

  test("search takes every character of its words literally and ignores case", async () => {
    await using store = await open();
    for (const [name, displayName] of [
      ["one", "100% Done"],
      ["two", "100 Done"],
      ["three", String.raw`back\slash`],
      ["four", "under_score"],
    ] as const) {
      await store.sandboxes.insert(newSandbox(name, { displayName }));
    }
    const search = async (q: string): Promise<string[]> => {
      const { records } = await store.sandboxes.list(WORKSPACE, SandboxListQuery.parse({ q }), 0);
      return records.map(({ name }) => name as string);
    };
    expect(await search("0% D")).toEqual(["one"]);
    expect(await search(String.raw`k\s`)).toEqual(["three"]);
    expect(await search("r_s")).toEqual(["four"]);
    expect((await search("DONE")).toSorted()).toEqual(["one", "two"]);
  });

  test("text that the database cannot hold is refused as the caller's mistake, or kept", async () => {
    await using store = await open();
    const sandbox = newSandbox("zero", { displayName: "a\0b" });
    const code = await codeOf(store.sandboxes.insert(sandbox));
    expect(code).toBe(kind.name === "PostgreSQL" ? "INVALID_ARGUMENT" : undefined);
    expect(await codeOf(store.sandboxes.find(WORKSPACE, "a\0b"))).toBe(code);
  });

  test("removing a sandbox removes its previews and their tokens", async () => {
    await using store = await open();
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
    await using store = await open();
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
    await using store = await open();
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

  if (kind.name === "SQLite") {
    test("nobody but the server's user can read the database", async () => {
      const options = await kind.create();
      const folder = dirname("sqlitePath" in options ? options.sqlitePath : "");
      await using store = await openInstalledStore(options);
      await store.sandboxes.insert(newSandbox("private"));
      for (const file of await readdir(folder)) expect((await stat(join(folder, file))).mode & 0o077).toBe(0);
    });
  }
});

test("a PostgreSQL that goes away is told apart from a bug, keeps what it took, and is used again when it is back", async () => {
  await using server = await PostgresServer.start();
  await using store = await openInstalledStore({ databaseUrl: await server.createDatabase() });
  const sandbox = newSandbox("kept", { status: "DEPLOYED" });
  await store.sandboxes.insert(sandbox);
  await server.stop();
  expect(await codeOf(store.sandboxes.all())).toBe("STORE_UNAVAILABLE");
  expect(await codeOf(store.sandboxes.change(sandbox.id, "DEPLOYED", { updatedAtMs: 2 }))).toBe("STORE_UNAVAILABLE");
  await server.run();
  expect(await store.sandboxes.all()).toEqual([sandbox]);
  const stopped = server.stop();
  const codes = await Promise.all(
    Array.from({ length: 40 }, () => codeOf(store.sandboxes.change(sandbox.id, "DEPLOYED", { updatedAtMs: 3 }))),
  );
  await stopped;
  expect(codes.filter((code) => code !== undefined && code !== "STORE_UNAVAILABLE")).toEqual([]);
  await server.run();
  expect(await store.sandboxes.find(WORKSPACE, "kept")).toMatchObject({ name: "kept" });
});

test("a PostgreSQL that gives a transaction up for another one says that it can be tried again", async () => {
  await using server = await PostgresServer.start();
  const options = { databaseUrl: await server.createDatabase() };
  await using store = await openInstalledStore(options);
  const sandboxes = [newSandbox("one"), newSandbox("two")];
  for (const sandbox of sandboxes) await store.sandboxes.insert(sandbox);
  await using db = await openDatabase(options);
  const bothHaveOne = Promise.withResolvers<undefined>();
  let haveOne = 0;
  const lockBoth = (order: readonly SandboxRecord[]): Promise<void> =>
    db.transaction().execute(async (transaction) => {
      for (const { id } of order) {
        await transaction.selectFrom("sandboxes").select("id").where("id", "=", id).forUpdate().execute();
        if (++haveOne === 2) bothHaveOne.resolve(undefined);
        await bothHaveOne.promise;
      }
    });
  const codes = await Promise.all([codeOf(lockBoth(sandboxes)), codeOf(lockBoth(sandboxes.toReversed()))]);
  expect(codes.filter((code) => code === "STORE_UNAVAILABLE")).toHaveLength(1);
  expect(codes).toContain(undefined);
});

test("a PostgreSQL that does not let us in is named as the reason", async () => {
  await using server = await PostgresServer.start();
  const url = await server.createDatabase();
  const wrong = [url.replace("only-for-tests", "guess"), `${url}_absent`, url.replace(/:\d+\//, ":1/")];
  for (const databaseUrl of wrong) {
    const failure = await openStore({ databaseUrl }).catch((error: unknown) => error as AppError);
    expect(failure).toMatchObject({ code: "STORE_UNAVAILABLE" });
    expect(Bun.inspect(failure)).not.toContain("guess");
  }
});
