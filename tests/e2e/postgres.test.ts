import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { PostgresServer } from "@dormouse/store/testkit";
import { INSTALL_DIR } from "../support/dormouse.ts";
import { useDormouse } from "../support/suite.ts";

const postgres = await PostgresServer.start();
const DORMOUSE_DATABASE_URL = await postgres.createDatabase();
const suite = useDormouse({ DORMOUSE_DATABASE_URL });
const folder = mkdtempSync("/var/tmp/dormouse-backup-");
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await postgres[Symbol.asyncDispose]();
});

interface Outcome {
  readonly exitCode: number;
  /** Of standard error. */
  readonly text: string;
}

async function dormouse(...parameters: readonly string[]): Promise<Outcome> {
  const child = Bun.spawn([join(INSTALL_DIR, "dormouse"), ...parameters, "--data", suite.dormouse.dataDir], {
    env: { ...process.env, DORMOUSE_DATABASE_URL },
    stderr: "pipe",
  });
  const [text, exitCode] = await Promise.all([child.stderr.text(), child.exited]);
  return { text, exitCode };
}

test("a Dormouse on PostgreSQL creates, runs and deletes, and finds everything again after a restart", async () => {
  const { api } = suite;
  await api.create("kept");
  await api.create("going");
  const preview = await api.createPreview("kept", { port: 3000, public: false }, "web");
  expect(await api.run("kept", "echo here > /root/note; cat /root/note")).toBe("here\n");
  await api.remove("going");
  expect(existsSync(join(suite.dormouse.dataDir, "server/dormouse.sqlite"))).toBe(false);

  await suite.dormouse.stop();
  await suite.startAgain();
  expect(await suite.api.list()).toEqual(["kept"]);
  expect(await suite.api.run("kept", "cat /root/note")).toBe("here\n");
  const { body } = await suite.api.call("GET", "/sandboxes/kept/previews/web");
  expect(body).toMatchObject({
    spec: { url: preview.spec.url.replace(/:\d+/, `:${new URL(suite.dormouse.url).port}`) },
  });
});

test("a PostgreSQL that is restarted under a running Dormouse is used again, and its absence is a clear answer", async () => {
  await postgres.stop();
  const { status, body } = await suite.api.call("GET", "/sandboxes");
  expect({ status, body }).toMatchObject({ status: 503, body: { error: "STORE_UNAVAILABLE" } });
  expect(JSON.stringify(body)).not.toContain("only-for-tests");
  expect(await suite.api.run("kept", "cat /root/note")).toBe("here\n");
  await postgres.run();
  expect(await suite.api.list()).toEqual(["kept"]);
});

test("records are backed up while Dormouse runs and restored when it is stopped", async () => {
  const file = join(folder, "records.jsonl");
  expect(await dormouse("backup", file)).toMatchObject({ exitCode: 0 });
  const refused = await dormouse("restore", file, "--replace");
  expect(refused).toMatchObject({ exitCode: 1 });
  expect(refused.text).toContain("Dormouse is running on it");

  await suite.dormouse.stop();
  expect((await dormouse("restore", file)).text).toContain("it has records");
  expect(await dormouse("restore", file, "--replace")).toMatchObject({ exitCode: 0 });
  await suite.startAgain();
  expect(await suite.api.run("kept", "cat /root/note")).toBe("here\n");
  await suite.api.remove("kept");
  expect(await suite.api.list()).toEqual([]);
});
