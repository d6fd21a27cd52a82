import { expect, test } from "bun:test";
import { join } from "node:path";
import { sql, type Kysely } from "kysely";
import { fillTables, readTables } from "../testkit/any-rows.ts";
import { describeEachDatabase } from "../testkit/index.ts";
import { openDatabase } from "./database.ts";
import { currentMigration, migrateTo, migrateToLatest, migrationNames, MIGRATIONS } from "./migrations.ts";
import { openStore } from "./store.ts";
import { PRIMARY_KEYS, type Tables } from "./tables.ts";

describeEachDatabase((kind) => {
  const open = async (): Promise<Kysely<Tables>> => openDatabase(await kind.create());

  test.each(migrationNames())("a database as of %s comes to the latest version with its rows", async (name) => {
    await using db = await open();
    await migrateTo(db, name);
    await fillTables(db);
    const before = await readTables(db);
    await migrateToLatest(db);
    expect(await currentMigration(db)).toBe(migrationNames().at(-1) ?? "");
    const after = await readTables(db);
    expect(Object.keys(before).length).toBeGreaterThan(0);
    for (const [table, rows] of Object.entries(before)) {
      expect(rows).toHaveLength(1);
      for (const row of rows) expect(after[table]).toContainEqual(expect.objectContaining(row));
    }
  });

  test("every table of ours is known with its primary key, so that a backup has it", async () => {
    await using db = await open();
    await migrateToLatest(db);
    const tables = await db.introspection.getTables();
    expect(tables.map(({ name }) => name).toSorted()).toEqual(Object.keys(PRIMARY_KEYS).toSorted());
  });

  test("a migration that fails leaves the last good state, and the next start tries it again", async () => {
    await using db = await open();
    await migrateToLatest(db);
    await fillTables(db);
    const before = await readTables(db);
    let attempts = 0;
    const failing = {
      async up(db: Kysely<Tables>): Promise<void> {
        attempts++;
        await db.schema.createTable("half").addColumn("id", "text").execute();
        await db.schema.alterTable("sandboxes").addColumn("half", "text").execute();
        await db.deleteFrom("sandboxes").execute();
        await sql`select * from nowhere`.execute(db);
      },
    };
    const later = { ...MIGRATIONS, "9999-failing": failing };
    for (let attempt = 1; attempt <= 2; attempt++) {
      const failure = await migrateToLatest(db, later).catch((error: unknown) => String(error));
      expect(failure).toContain('Cannot migrate the database: step "9999-failing" failed');
    }
    expect(attempts).toBe(2);
    expect(await readTables(db)).toEqual(before);
    await migrateToLatest(db);
  });

  test("several servers that start at once bring it up to date together", async () => {
    const options = await kind.create();
    const program = [
      process.execPath,
      join(import.meta.dir, "../testkit/programs/open-store.ts"),
      JSON.stringify(options),
    ];
    const servers = Array.from({ length: 4 }, () => Bun.spawn(program, { stderr: "pipe" }));
    for (const server of servers) {
      const [errors, exitCode] = await Promise.all([server.stderr.text(), server.exited]);
      expect({ errors, exitCode }).toEqual({ errors: "", exitCode: 0 });
    }
    await using store = await openStore(options);
    expect(await store.sandboxes.all()).toEqual([]);
  });

  test("a database that a later version has written is refused and left alone", async () => {
    const options = await kind.create();
    await using db = await openDatabase(options);
    await migrateToLatest(db, { ...MIGRATIONS, "9999-later": { up: () => Promise.resolve() } });
    const failure = await openStore(options).catch((error: unknown) => String(error));
    expect(failure).toContain("a later version of Dormouse has written it");
    expect(await currentMigration(db)).toBe("9999-later");
  });
});
