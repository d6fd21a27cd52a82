import { expect, test } from "bun:test";
import type { ProcessResponse } from "@dormouse/schema";
import { closeSync, readSync } from "node:fs";
import { startTestAgent, type TestAgent, until } from "../testing/agent.ts";
import { loadLibc } from "./libc.ts";
import { StdinPipe } from "./stdin-pipe.ts";

const write = (agent: TestAgent, id: string, body: NonNullable<RequestInit["body"]>) =>
  agent.request(`/process/${id}/stdin`, { method: "POST", body });
const close = (agent: TestAgent, id: string) => agent.request(`/process/${id}/stdin`, { method: "DELETE" });
const get = async (agent: TestAgent, id: string) =>
  (await (await agent.request(`/process/${id}`)).json()) as ProcessResponse;
const answer = async (response: Response) => [response.status, await response.json()];
const ended = (agent: TestAgent, id: string) => until(async () => (await get(agent, id)).completedAt !== "");

test("what is written to stdin arrives in order, and closing it is the end of the input", async () => {
  await using agent = startTestAgent();
  const started = await agent.exec({ command: "cat; echo end", name: "c", stdin: true });
  expect(started.stdin).toBe(true);
  expect(await answer(await write(agent, "c", "one\n"))).toEqual([200, { message: "4 bytes written to stdin" }]);
  await until(async () => (await get(agent, "c")).stdout === "one\n");
  await write(agent, started.pid, new Uint8Array([0, 255, 10]));
  for (let count = 0; count < 2; count += 1) {
    expect(await answer(await close(agent, "c"))).toEqual([200, { message: "Stdin closed successfully" }]);
  }
  await ended(agent, "c");
  expect((await get(agent, "c")).stdout).toBe("one\n\0\ufffd\nend\n");
});

test("a language server answers each message it is sent", async () => {
  await using agent = startTestAgent();
  const server = `
import sys
while True:
    header = sys.stdin.buffer.readline()
    if not header: break
    sys.stdin.buffer.readline()
    body = sys.stdin.buffer.read(int(header.split(b":")[1]))
    print("Content-Length: %d\\r\\n\\r\\n%s" % (len(body), body.decode().upper()), end="", flush=True)
`;
  await Bun.write(`${agent.folder}/server.py`, server);
  await agent.exec({ command: "exec python3 server.py", name: "lsp", stdin: true });
  for (const text of ["initialize", "initialized", "x".repeat(100_000)]) {
    await write(agent, "lsp", `Content-Length: ${text.length}\r\n\r\n${text}`);
    const answered = text.slice(-1000).toUpperCase();
    await until(async () => ((await get(agent, "lsp")).stdout ?? "").includes(answered));
  }
  await close(agent, "lsp");
  await ended(agent, "lsp");
  expect((await get(agent, "lsp")).exitCode).toBe(0);
});

test("50 MiB arrive whole although the reader is slower", async () => {
  await using agent = startTestAgent();
  const { pid } = await agent.exec({ command: "sleep 0.1; wc -c", stdin: true });
  const part = new Uint8Array(5 * 1024 * 1024).fill(65);
  for (let count = 0; count < 10; count += 1) expect((await write(agent, pid, part)).status).toBe(200);
  await close(agent, pid);
  await ended(agent, pid);
  expect((await get(agent, pid)).stdout?.trim()).toBe(String(50 * 1024 * 1024));
});

test("parallel writes do not mix", async () => {
  await using agent = startTestAgent();
  const { pid } = await agent.exec({ command: "fold -w 200000 | sort | uniq -c | awk '{print $1}'", stdin: true });
  const bodies = ["a", "b", "c", "d"].map((letter) => letter.repeat(200_000));
  await Promise.all(bodies.map((body) => write(agent, pid, body)));
  await close(agent, pid);
  await ended(agent, pid);
  expect((await get(agent, pid)).stdout).toBe("1\n1\n1\n1\n");
});

test("a write is at most 8 MiB, with and without a stated length", async () => {
  await using agent = startTestAgent();
  const { pid } = await agent.exec({ command: "wc -c", stdin: true });
  const tooLarge = new Uint8Array(8 * 1024 * 1024 + 1);
  const chunked = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(tooLarge);
      controller.close();
    },
  });
  expect((await write(agent, pid, tooLarge)).status).toBe(413);
  expect((await write(agent, pid, chunked)).status).toBe(413);
  await close(agent, pid);
  await ended(agent, pid);
  expect((await get(agent, pid)).stdout?.trim()).toBe("0");
});

test("stdin is a 409 where there is none, where it is closed and where the process has ended, and a 404 for nobody", async () => {
  await using agent = startTestAgent();
  const cannot = (state: string) => [409, { error: `Cannot write to the stdin of the process: ${state}` }];
  await agent.exec({ command: "sleep 60", name: "none" });
  expect((await get(agent, "none")).stdin).toBe(false);
  expect(await answer(await write(agent, "none", "x"))).toEqual(cannot("it was started without one"));
  expect(await answer(await close(agent, "none"))).toEqual(cannot("it was started without one"));
  await agent.exec({ command: "sleep 60", name: "closed", stdin: true });
  await close(agent, "closed");
  expect(await answer(await write(agent, "closed", "x"))).toEqual(cannot("it is closed"));
  await agent.exec({ command: "true", name: "ended", stdin: true, waitForCompletion: true });
  expect(await answer(await write(agent, "ended", "x"))).toEqual(cannot("the process has ended"));
  expect((await close(agent, "ended")).status).toBe(200);
  expect((await write(agent, "nobody", "x")).status).toBe(404);
});

test("a process that closes its input, or ends while bytes wait, ends the write", async () => {
  await using agent = startTestAgent();
  await agent.exec({ command: "exec <&-; echo deaf; exec sleep 60", name: "deaf", stdin: true });
  await until(async () => (await get(agent, "deaf")).stdout === "deaf\n");
  expect((await write(agent, "deaf", "x")).status).toBe(409);
  await agent.exec({ command: "sleep 0.2", name: "brief", stdin: true });
  expect((await write(agent, "brief", new Uint8Array(1024 * 1024))).status).toBe(409);
});

test("a restarted process gets a new input", async () => {
  await using agent = startTestAgent();
  const command = 'read line; echo "got $line"; [ "$line" = good ]';
  const { pid } = await agent.exec({ command, stdin: true, restartOnFailure: true, maxRestarts: 1 });
  await write(agent, pid, "bad\nleft over\n");
  await until(async () => (await get(agent, pid)).restartCount === 1);
  await until(async () => (await write(agent, pid, "good\n")).status === 200);
  await ended(agent, pid);
  expect(await get(agent, pid)).toMatchObject({ status: "completed", exitCode: 0 });
  expect((await get(agent, pid)).stdout).toEndWith("got good\n");
});

test("a write nobody reads is given up with a 503 and says how far it came", async () => {
  await loadLibc();
  const { pipe, readFd } = StdinPipe.open(50);
  const left = new AbortController();
  const bytes = new Uint8Array(100_000);
  const first = pipe.write(bytes, left.signal);
  const second = pipe.write(bytes, AbortSignal.abort());
  expect(first).rejects.toMatchObject({ code: "STDIN_STALLED", status: 503 });
  expect(first).rejects.toThrow("65536 of 100000 bytes were written");
  await second;
  const drained = readSync(readFd, Buffer.alloc(200_000));
  expect(drained).toBe(65_536);
  pipe[Symbol.dispose]();
  closeSync(readFd);
});
