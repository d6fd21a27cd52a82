import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { PostgresServer } from "@dormouse/store/testkit";
import { Api } from "../support/api.ts";
import { INSTALL_DIR, startDormouse } from "../support/dormouse.ts";
import { tracesLeftBy } from "../support/traces.ts";

setDefaultTimeout(120_000);
const dataDir = mkdtempSync("/var/tmp/dormouse-test-");
const folder = mkdtempSync("/var/tmp/dormouse-backup-");
const file = join(folder, "records.jsonl");
afterAll(async () => {
  const traces = await tracesLeftBy(dataDir);
  for (const dir of [dataDir, folder]) rmSync(dir, { recursive: true, force: true });
  expect(traces).toEqual([]);
});

interface Outcome {
  readonly exitCode: number;
  /** Of standard error. */
  readonly text: string;
}

async function run(parameters: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Outcome> {
  const child = Bun.spawn([join(INSTALL_DIR, "dormouse"), ...parameters], {
    env: { ...process.env, ...env },
    stderr: "pipe",
  });
  const [text, exitCode] = await Promise.all([child.stderr.text(), child.exited]);
  return { text, exitCode };
}

test("records are backed up while Dormouse runs, come back as they were, and move to PostgreSQL", async () => {
  {
    await using dormouse = await startDormouse({ dataDir });
    const api = new Api(dormouse.env);
    await api.create("kept");
    await api.run("kept", "echo here > /root/note");
    expect(await run(["backup", file, "--data", dataDir])).toMatchObject({ exitCode: 0 });
    await api.call("PUT", "/sandboxes/kept", { body: { metadata: { labels: { since: "backup" } }, spec: {} } });
    expect((await run(["restore", file, "--replace", "--data", dataDir])).text).toContain("Dormouse is running on it");
    expect((await api.get("kept")).metadata.labels).toEqual({ since: "backup" });
  }
  expect((await run(["restore", file, "--data", dataDir])).text).toContain("Give --replace to drop them");
  expect(await run(["restore", file, "--replace", "--data", dataDir])).toMatchObject({ exitCode: 0 });
  {
    await using dormouse = await startDormouse({ dataDir });
    const api = new Api(dormouse.env);
    expect((await api.get("kept")).metadata.labels).toEqual({});
    expect(await api.run("kept", "cat /root/note")).toBe("here\n");
  }
  await using postgres = await PostgresServer.start();
  const env = { DORMOUSE_DATABASE_URL: await postgres.createDatabase() };
  expect(await run(["restore", file, "--data", dataDir], env)).toMatchObject({ exitCode: 0 });
  await using dormouse = await startDormouse({ dataDir, env });
  const api = new Api(dormouse.env);
  expect(await api.run("kept", "cat /root/note")).toBe("here\n");
  await api.removeAll();
});

test("a backup goes into a data folder that no Dormouse has run on, and its files are the server's", async () => {
  const newDir = mkdtempSync("/var/tmp/dormouse-test-");
  try {
    expect((await run(["backup", join(folder, "none.jsonl"), "--data", newDir])).text).toContain(
      "no Dormouse has run on it",
    );
    expect(await run(["restore", file, "--data", newDir])).toMatchObject({ exitCode: 0 });
    const serverDir = join(newDir, "server");
    const owners = readdirSync(serverDir).map((name) => statSync(join(serverDir, name)).uid);
    expect(new Set(owners)).toEqual(new Set([statSync(serverDir).uid]));
    expect(statSync(serverDir).uid).not.toBe(0);
    await using dormouse = await startDormouse({ dataDir: newDir });
    // What the backup knows and this machine does not have.
    expect(await new Api(dormouse.env).get("kept")).toMatchObject({ status: "FAILED" });
    await new Api(dormouse.env).removeAll();
  } finally {
    expect(await tracesLeftBy(newDir)).toEqual([]);
    rmSync(newDir, { recursive: true, force: true });
  }
});
