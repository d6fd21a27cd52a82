import { expect, test } from "bun:test";
import { AGENT_PORT, Lease } from "@dormouse/gateway";
import { SandboxId } from "@dormouse/schema";
import { callsOver } from "./sandbox-calls.ts";

const ADDRESS = "127.83.67.72";
const ID = SandboxId.parse("abc123def456");
const REQUEST = { command: "true" };

type Answer = (request: Request) => Response | Promise<Response>;

/** One awake sandbox whose API answers as it is told, or not at all. */
class Bench implements AsyncDisposable {
  readonly events: string[] = [];
  readonly calls = callsOver({ acquire: () => this.#acquire() });
  onAcquire: () => void = () => undefined;
  lease: Lease | undefined;
  #agent: Bun.Server<undefined> | undefined;

  #acquire(): Lease {
    this.events.push("acquire");
    this.onAcquire();
    this.lease = new Lease({
      address: ADDRESS,
      relayPorts: new Map(),
      onLeaseEnd: () => void this.events.push("release"),
      onAgentGone: () => void this.events.push("gone"),
    });
    return this.lease;
  }

  listen(answer: Answer): void {
    this.#agent = Bun.serve({ hostname: ADDRESS, port: AGENT_PORT, fetch: answer });
  }

  start() {
    return this.calls.startProcess(ID, REQUEST, AbortSignal.timeout(4000));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent?.stop(true);
  }
}

test("a call is posted to the sandbox as JSON, and holds it awake until it is answered", async () => {
  await using bench = new Bench();
  const seen: unknown[] = [];
  bench.listen(async (request) => {
    seen.push(request.method, new URL(request.url).pathname, await request.json(), [...bench.events]);
    return Response.json({ pid: "1" });
  });
  expect(await bench.start()).toEqual({ status: 200, error: undefined });
  expect(seen).toEqual(["POST", "/process", REQUEST, ["acquire"]]);
  expect(bench.events).toEqual(["acquire", "release"]);
});

test("a refusal carries what the sandbox says of it, cut where it is long", async () => {
  await using bench = new Bench();
  bench.listen(() => Response.json({ error: "x".repeat(5000) }, { status: 422 }));
  expect(await bench.start()).toEqual({ status: 422, error: "x".repeat(1000) });
});

test("a sandbox cannot send the call elsewhere", async () => {
  await using bench = new Bench();
  let count = 0;
  bench.listen(() => {
    count += 1;
    return new Response(null, { status: 307, headers: { Location: "/elsewhere" } });
  });
  expect(await bench.start()).toMatchObject({ status: 307 });
  expect(count).toBe(1);
});

test("an answer without an end is not read to its end", async () => {
  await using bench = new Bench();
  bench.listen(() => {
    const chunk = new Uint8Array(16 * 1024).fill(32);
    const endless = new ReadableStream({ pull: (controller) => controller.enqueue(chunk) });
    return new Response(endless, { status: 500 });
  });
  expect(await bench.start()).toEqual({ status: 500, error: undefined });
  expect(bench.events).toEqual(["acquire", "release"]);
});

test("where everything has ended, the second try finds it started again", async () => {
  await using bench = new Bench();
  bench.onAcquire = () => {
    if (bench.events.includes("gone")) bench.listen(() => Response.json({}));
  };
  expect(await bench.start()).toMatchObject({ status: 200 });
  expect(bench.events).toEqual(["acquire", "gone", "release", "acquire", "release"]);
});

test("a command that may have been taken is never sent twice", async () => {
  await using bench = new Bench();
  let count = 0;
  bench.listen(() => {
    count += 1;
    bench.lease?.abort();
    return new Promise<Response>(() => undefined);
  });
  const code = await bench.start().catch((error: unknown) => (error as { code?: string }).code);
  expect({ code, count }).toEqual({ code: "UPSTREAM_UNREACHABLE", count: 1 });
  expect(bench.events.filter((event) => event === "acquire")).toHaveLength(1);
});

test("the output of programs is read: processes, and the image's own program from the files of the agent's runs", async () => {
  await using bench = new Bench();
  const files: Record<string, unknown> = {
    "/var/log/sandbox-api": { subdirectories: [{ name: "run-7-1-x", path: "" }] },
    "/var/log/sandbox-api/run-7-1-x/entrypoint.stdout.log": { content: "it starts\n" },
  };
  const started = "Thu, 01 Jan 2026 00:00:00 GMT";
  bench.listen((request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/process")
      return Response.json([{ name: "dev", startedAt: started, completedAt: null, stdout: "ready\n", stderr: null }]);
    const file = files[decodeURIComponent(pathname.replace("/filesystem/", ""))];
    return file === undefined ? Response.json({ error: "no such file" }, { status: 404 }) : Response.json(file);
  });
  expect(await bench.calls.readOutput(ID, AbortSignal.timeout(4000))).toEqual([
    { name: "entrypoint", startedAtMs: undefined, endedAtMs: undefined, stdout: "it starts\n", stderr: "" },
    { name: "dev", startedAtMs: Date.parse(started), endedAtMs: undefined, stdout: "ready\n", stderr: "" },
  ]);
  expect(bench.events.at(-1)).toBe("release");
});

test("a sandbox that answers with something else has no output", async () => {
  await using bench = new Bench();
  bench.listen(() => new Response("<html>"));
  expect(await bench.calls.readOutput(ID, AbortSignal.timeout(4000))).toEqual([]);
});
