import { expect, test } from "bun:test";
import { tmpdir } from "node:os";
import { runCli } from "../../testkit/run-cli.ts";

/** As the API answers: newest first. */
const LOGS = [
  { timestamp: "2026-01-02T03:04:06.5Z", message: "two\n", severity: 9 },
  { timestamp: "2026-01-02T03:04:05.123456789Z", message: "one", severity: 9 },
];

interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly query: Readonly<Record<string, string>>;
}

async function logs(...args: readonly string[]): Promise<Outcome> {
  let query: Record<string, string> = {};
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: ({ url }) => {
      query = Object.fromEntries(new URL(url).searchParams);
      return Response.json(query["workloadIds"] === "box" ? { box: { logs: LOGS, totalCount: 2 } } : {});
    },
  });
  const env = { BL_API_URL: `${server.url.origin}/v0`, BL_WORKSPACE: "main", BL_API_KEY: "k" };
  try {
    return { ...(await runCli(["logs", ...args], { cwd: tmpdir(), env })), query };
  } finally {
    await server.stop(true);
  }
}

test("logs of a sandbox come oldest first, with their time unless told otherwise", async () => {
  const { stdout, query } = await logs(
    "sandbox",
    "box",
    "-u",
    "--start",
    "2026-01-02T00:00:00Z",
    "--end",
    "2026-01-02T04:00:00Z",
  );
  expect(stdout).toBe("[2026-01-02 03:04:05.123] one\n[2026-01-02 03:04:06.500] two\n");
  expect(query).toMatchObject({
    start: "2026-01-02T00:00:00",
    end: "2026-01-02T04:00:00",
    resourceType: "sandboxes",
    workloadIds: "box",
    workspace: "main",
  });
  const filtered = await logs("sbx", "box", "--no-timestamps", "--severity", "error,fatal", "--search", "o");
  expect(filtered.stdout).toBe("one\ntwo\n");
  expect(filtered.query).toMatchObject({ severity: "ERROR,FATAL", search: "o" });
});

test("none are said to be none, and what has no logs is refused", async () => {
  expect((await logs("sandbox", "quiet")).stdout).toBe("ℹ No logs found for the specified time range and filters.\n");
  expect(await logs("agent", "x")).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining("only sandboxes have any"),
  });
  expect(await logs("sandbox", "box", "--period", "1w")).toMatchObject({ exitCode: 1 });
});
