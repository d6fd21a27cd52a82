import { expect, test } from "bun:test";
import type { ProcessLogs, ProcessResponse } from "@dormouse/schema";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readConfig } from "../config.ts";
import { startTestAgent, type TestAgent, until } from "../testing/agent.ts";
import { LogBudget } from "./log-budget.ts";
import { LogFile } from "./log-file.ts";
import type { ProcessSpec } from "./process-request.ts";
import { ProcessTable } from "./process-table.ts";
import { startAgentProcess } from "./testing/agent-process.ts";

const MIB = 1024 * 1024;

const logs = async (agent: TestAgent, id: string) =>
  (await (await agent.request(`/process/${id}/logs`)).json()) as ProcessLogs;
const diskBytes = (directory: string) =>
  readdirSync(directory).reduce((total, name) => total + statSync(join(directory, name)).blocks * 512, 0);
const isRoot = process.getuid?.() === 0;

test("R-01: all logs together stay within their budget, and each keeps its end", async () => {
  await using agent = startTestAgent({ SANDBOX_MAX_LOG_BYTES_TOTAL: String(4 * MIB) });
  for (let count = 0; count < 8; count += 1) {
    await agent.exec({
      command: `head -c 1000000 /dev/zero | tr '\\0' x; echo END${count}`,
      name: `p${count}`,
      waitForCompletion: true,
    });
    expect(diskBytes(agent.api.logDirectory)).toBeLessThan(4.5 * MIB);
  }
  for (let count = 0; count < 8; count += 1) {
    const { stdout } = await logs(agent, `p${count}`);
    expect(stdout).toEndWith(`xEND${count}\n`);
    expect(stdout).not.toContain("\0");
  }
});

test("logs that cannot be cut any shorter are forgotten together with their process, the oldest first", async () => {
  await using agent = startTestAgent({ SANDBOX_MAX_LOG_BYTES_TOTAL: String(MIB) });
  const command = "head -c 300000 /dev/zero | tr '\\0' x";
  for (let count = 0; count < 8; count += 1) await agent.exec({ command, name: `p${count}`, waitForCompletion: true });
  const listed = (await (await agent.request("/process")).json()) as ProcessResponse[];
  expect(listed.map(({ name }) => name)).toEqual(["p4", "p5", "p6", "p7"].slice(-listed.length));
  expect((await agent.request("/process/p0")).status).toBe(404);
  expect(diskBytes(agent.api.logDirectory)).toBeLessThan(1.5 * MIB);
});

test("the longest files give first, and small ones keep everything", async () => {
  const folder = mkdtempSync(join(tmpdir(), "budget-"));
  const budget = new LogBudget(readConfig({ SANDBOX_MAX_LOG_BYTES_TOTAL: String(4 * MIB) }, folder));
  const files = [8, 2, 0.25].map((size, index) => {
    const file = LogFile.create(join(folder, String(index)));
    file.append("x".repeat(size * MIB));
    file.look();
    return file;
  });
  expect(budget.enforce(files)).toBeLessThanOrEqual(0);
  const [long = 0, middle = 0, short = 0] = files.map((file) => file.keptBytes / MIB);
  expect([long, middle, short]).toEqual([expect.closeTo(1.375, 1), expect.closeTo(1.375, 1), 0.25]);
  for (const file of files) file[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});

test("the latest thousand that have ended are remembered, and running ones always", async () => {
  const folder = mkdtempSync(join(tmpdir(), "retention-"));
  using table = new ProcessTable(readConfig({ PATH: "/usr/bin:/bin" }, folder), folder);
  const spec = (name: string, command: string): ProcessSpec => ({
    name,
    command,
    workingDir: "",
    directory: null,
    env: {},
    isRestartedOnFailure: false,
    maxRestarts: 0,
    isKeepAlive: false,
    killAfterMs: null,
    hasStdin: false,
  });
  const running = table.start(spec("running", "sleep 60"));
  for (let batch = 0; batch < 22; batch += 1) {
    const started = Array.from({ length: 50 }, (_, index) => table.start(spec(`${batch}-${index}`, "echo x")));
    await Promise.all(started.map(({ finished }) => finished));
  }
  await until(() => table.list().length === 1001);
  expect(table.get("running")).toBe(running);
  expect(table.get("21-49").exitCode).toBe(0);
  expect(() => table.get("0-0")).toThrow("process not found");
  expect(readdirSync(folder)).toHaveLength(1000 + 2);
  await table.kill("running");
  rmSync(folder, { recursive: true });
});

test.skipIf(!isRoot)("a full disk does not keep commands from running, nor their output from being seen", async () => {
  const mounts = 'mount -t tmpfs -o size=64k none "$LOGS" && head -c 64k /dev/zero > "$LOGS"/full';
  await using agent = await startAgentProcess({ mounts });
  const done = await agent.exec({ command: "df -h .; echo out; echo err >&2; exit 3", waitForCompletion: true });
  expect(done).toMatchObject({ exitCode: 3, stderr: "err\n" });
  expect(done.stdout).toEndWith("out\n");
  const stream = await (await agent.request(`/process/${done.pid}/logs/stream`)).text();
  expect(stream).toContain("stderr:err\n");
});

test.skipIf(!isRoot)(
  "on a read-only root logs go to memory, and where nothing can be written commands run without",
  async () => {
    const readOnly = (place: string) => `mount --bind ${place} ${place}; mount -o remount,bind,ro ${place}`;
    const lines = async (mounts: string) => {
      await using agent = await startAgentProcess({ mounts });
      const done = await agent.exec({ command: "echo out; exit 3", workingDir: "/", waitForCompletion: true });
      expect(done).toMatchObject({ status: "failed", exitCode: 3 });
      return done.stdout;
    };
    expect(await lines(readOnly('"$LOGS"'))).toBe("out\n");
    expect(await lines(`${readOnly('"$LOGS"')}; ${readOnly("/dev/shm")}; ${readOnly("/tmp")}`)).toBe("");
  },
);
