import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SandboxListQuery } from "@dormouse/schema";
import { fillTables, readTables } from "../testkit/any-rows.ts";
import {
  describeEachDatabase,
  newPreview,
  newSandbox,
  openInstalledStore,
  type DatabaseKind,
  WORKSPACE,
} from "../testkit/index.ts";
import { openDatabase, type StoreOptions } from "./database.ts";
import { backUp, openStore, restore } from "./index.ts";
import { migrateTo, migrationNames } from "./migrations.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "dormouse-backup-"));
});
afterAll(() => rmSync(folder, { recursive: true }));
let fileCount = 0;
const newFile = (): string => join(folder, `${++fileCount}.jsonl`);

/** Everything in our tables, whatever the order of rows is. */
async function contentOf(options: StoreOptions): Promise<Record<string, unknown[]>> {
  await using db = await openDatabase(options);
  const tables = Object.entries(await readTables(db));
  return Object.fromEntries(tables.map(([name, rows]) => [name, rows.map((row) => JSON.stringify(row)).toSorted()]));
}

/** A database with `count` sandboxes, the first of which has a preview with two tokens. */
async function createFilled(kind: DatabaseKind, count = 3): Promise<StoreOptions> {
  const options = await kind.create();
  await using store = await openInstalledStore(options);
  for (let at = 0; at < count; at++) {
    await store.sandboxes.insert(
      newSandbox(`box-${at}`, { displayName: `"½"\n${at}`, createdAtMs: 1_795_000_000_000 + at }),
    );
  }
  const [first] = await store.sandboxes.all();
  const preview = newPreview(first ?? newSandbox("none"), "web");
  await store.previews.insert(preview);
  for (const value of ["z", "a"]) {
    await store.previews.insertToken({ previewId: preview.id, name: value, value, expiresAtMs: undefined });
  }
  return options;
}

describeEachDatabase((kind) => {
  test("what was backed up is there after it is restored, and goes on from there", async () => {
    const from = await createFilled(kind, 450);
    const to = await kind.create();
    const file = newFile();
    const { rowCount } = await backUp(from, file);
    expect(await restore(to, file, { replace: false })).toEqual({ rowCount });
    expect(await contentOf(to)).toEqual(await contentOf(from));

    await using store = await openStore(to);
    const [preview] = await store.previews.all();
    const previewId = preview?.id ?? "";
    await store.previews.insertToken({ previewId, name: "new", value: "new", expiresAtMs: undefined });
    expect((await store.previews.tokensOf(previewId)).map(({ value }) => value)).toEqual(["z", "a", "new"]);
    const page = await store.sandboxes.list(WORKSPACE, SandboxListQuery.parse({ limit: 1 }), 0);
    expect(page).toMatchObject({ records: [{ name: "box-449" }], totalCount: 450 });
  });

  test("records move to a SQLite file and back again", async () => {
    const from = await createFilled(kind);
    const file = { sqlitePath: join(folder, `${kind.name}.sqlite`) };
    const back = await kind.create();
    const [there, andBack] = [newFile(), newFile()];
    await backUp(from, there);
    await restore(file, there, { replace: false });
    expect(await contentOf(file)).toEqual(await contentOf(from));
    await backUp(file, andBack);
    await restore(back, andBack, { replace: false });
    expect(await contentOf(back)).toEqual(await contentOf(from));
  });

  test.each(migrationNames())("a backup as of %s is restored into the latest version", async (name) => {
    const from = await kind.create();
    {
      await using db = await openDatabase(from);
      await migrateTo(db, name);
      await fillTables(db);
    }
    const file = newFile();
    const { rowCount } = await backUp(from, file);
    const to = await kind.create();
    expect(await restore(to, file, { replace: false })).toEqual({ rowCount });
    await using store = await openStore(to);
    expect(await store.sandboxes.all()).toHaveLength(1);
    // Backing up changed nothing: the one it was made of still comes to the latest version by itself.
    await using source = await openStore(from);
    expect(await source.sandboxes.all()).toHaveLength(1);
  });

  test("a backup shows one moment, while the database is being written", async () => {
    const from = await createFilled(kind);
    await using store = await openStore(from);
    const stop = new AbortController();
    const writer = (async () => {
      for (let at = 0; !stop.signal.aborted; at++) {
        const sandbox = newSandbox(`moving-${at}`);
        await store.sandboxes.insert(sandbox);
        await store.previews.insert(newPreview(sandbox, "web"));
        await store.sandboxes.remove(sandbox.id);
        // SQLite answers at once: the others need a turn too.
        await Bun.sleep(0);
      }
    })();
    try {
      for (let round = 0; round < 5; round++) {
        const file = newFile();
        await backUp(from, file);
        // A preview without its sandbox could not be inserted.
        await restore(await kind.create(), file, { replace: false });
      }
    } finally {
      stop.abort();
      await writer;
    }
  });

  test("records are replaced only on request, and then entirely", async () => {
    const from = await createFilled(kind, 2);
    const to = await createFilled(kind, 5);
    const file = newFile();
    await backUp(from, file);
    const before = await contentOf(to);
    expect(await messageOf(restore(to, file, { replace: false }))).toContain("it has records");
    expect(await contentOf(to)).toEqual(before);
    await restore(to, file, { replace: true });
    expect(await contentOf(to)).toEqual(await contentOf(from));
  });

  test("a file that is cut off, changed, of a later version or no backup changes nothing", async () => {
    const from = await createFilled(kind, 300);
    const to = await createFilled(kind, 2);
    const file = newFile();
    await backUp(from, file);
    const before = await contentOf(to);
    const lines = readFileSync(file, "utf8").trimEnd().split("\n");
    const header = JSON.parse(lines[0] ?? "") as object;
    const damaged: readonly (readonly [string, readonly string[]])[] = [
      ["is not complete", lines.slice(0, -1)],
      ["is not complete", [...lines.slice(0, -2), ...lines.slice(-1)]],
      ["is no row of ours", [...lines.slice(0, -1), (lines.at(-2) ?? "").slice(0, 40)]],
      ["is no row of ours", [lines[0] ?? "", '{"table":"sqlite_master","rows":[{"name":"x"}]}']],
      ["a later version", [JSON.stringify({ ...header, migration: "9999-later" }), ...lines.slice(1)]],
      ["is no backup", [JSON.stringify({ ...header, version: 2 }), ...lines.slice(1)]],
      ["is no backup", ["hello"]],
      ["is no backup", []],
      ["", [...lines.slice(0, -1), '{"table":"sandboxes","rows":[{"id":"x"}]}']],
      ["", [...lines.slice(0, -1), '{"table":"sandboxes","rows":[{"nothing\\"; drop table sandboxes":"x"}]}']],
    ];
    for (const [message, content] of damaged) {
      const copy = newFile();
      writeFileSync(copy, content.map((line) => `${line}\n`).join(""));
      expect(await messageOf(restore(to, copy, { replace: true }))).toContain(message);
      expect(await contentOf(to)).toEqual(before);
    }
  });

  test("the file is its owner's alone, and a backup that fails leaves the earlier one", async () => {
    const from = await createFilled(kind);
    const file = newFile();
    await backUp(from, file);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const content = readFileSync(file, "utf8");
    expect(await messageOf(backUp(await kind.create(), file))).toContain("it has no tables");
    expect(readFileSync(file, "utf8")).toBe(content);
    expect(existsSync(`${file}.partial`)).toBe(false);
    expect(readdirSync(folder).filter((name) => name.endsWith(".partial"))).toEqual([]);
  });
});

/** What a call that must fail says. */
async function messageOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => "it did not fail",
    (error: Error) => error.message,
  );
}
