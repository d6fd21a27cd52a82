import { expect, test } from "bun:test";
import { apiKeyCredential, createClient } from "@dormouse/sdk";
import { BuildLog } from "./build-log.ts";

interface Line {
  readonly timestamp: string;
  readonly message: string;
}

const lineOf = (index: number): Line => ({
  timestamp: `2026-11-28T01:00:00.${String(index).padStart(9, "0")}Z`,
  message: `line ${index}`,
});

/** A server with these lines, of which more may come, and the log as it is read from it. */
function readFrom(lines: Line[]) {
  const seen: string[] = [];
  const state = { requests: 0, isBroken: false };
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      state.requests += 1;
      if (state.isBroken) return new Response("no", { status: 500 });
      const query = new URL(request.url).searchParams;
      const [offset, limit] = [Number(query.get("offset")), Number(query.get("limit"))];
      const logs = lines.toReversed().slice(offset, offset + limit);
      return Response.json({ app: { logs, totalCount: lines.length } });
    },
  });
  const client = createClient({
    apiUrl: `${server.url.origin}/v0`,
    workspace: "main",
    credential: apiKeyCredential("a-key"),
  });
  const log = new BuildLog(client, {
    name: "app",
    resourceType: "images",
    startedAtMs: 0,
    pollMs: 1,
    onLine: (line) => seen.push(line),
  });
  return { log, seen, state, [Symbol.dispose]: () => void server.stop(true) };
}

test("lines come once and in their order, however many there are, and also the same words twice", async () => {
  const lines = Array.from({ length: 2500 }, (_, index) => lineOf(index));
  using source = readFrom(lines);
  await source.log.drain();
  expect(source.seen).toEqual(lines.map(({ message }) => message));
  lines.push({ ...lineOf(2500), message: "line 1" }, lineOf(2501));
  await source.log.drain();
  expect(source.seen.slice(2500)).toEqual(["line 1", "line 2501"]);
});

test("a log that cannot be read is given up, and fails nothing", async () => {
  using source = readFrom([]);
  source.state.isBroken = true;
  await source.log.follow(new AbortController().signal);
  expect(source.state.requests).toBe(5);
});
