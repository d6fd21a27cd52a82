import { afterAll, beforeAll, describe } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StoreOptions } from "../src/index.ts";
import { PostgresServer } from "./postgres.ts";

/** The kind of database that a block of tests runs over. */
export interface DatabaseKind {
  readonly name: "SQLite" | "PostgreSQL";
  /** Where a new database is, without tables; it goes with the block. */
  create(): Promise<StoreOptions>;
}

/** Runs the same tests over every kind of database the store may be in. */
export function describeEachDatabase(tests: (kind: DatabaseKind) => void): void {
  describe("SQLite", () => tests(useSqlite()));
  describe("PostgreSQL", () => tests(usePostgres()));
}

function useSqlite(): DatabaseKind {
  let folder = "";
  let count = 0;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "dormouse-store-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return { name: "SQLite", create: () => Promise.resolve({ sqlitePath: join(folder, `${++count}.sqlite`) }) };
}

function usePostgres(): DatabaseKind {
  let server: PostgresServer | undefined;
  beforeAll(async () => {
    server = await PostgresServer.start();
  });
  afterAll(() => server?.[Symbol.asyncDispose]());
  return {
    name: "PostgreSQL",
    async create() {
      if (server === undefined) throw new Error("PostgreSQL has not started");
      return { databaseUrl: await server.createDatabase() };
    },
  };
}
