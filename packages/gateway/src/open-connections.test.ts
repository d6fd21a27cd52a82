import { expect, test } from "bun:test";
import { API_KEY, GatewayBench, TOKEN } from "./testkit/gateway-bench.ts";

/** A bench with an endless stream and a WebSocket on port 3000 and as the agent. */
async function benchWithStreams(): Promise<GatewayBench & AsyncDisposable> {
  const bench = new GatewayBench();
  for (const port of [3000, 8080]) {
    const app = Bun.serve({
      hostname: bench.address,
      port,
      fetch(request, server) {
        if (server.upgrade(request)) return undefined;
        return new Response(new ReadableStream({ start: (stream) => stream.enqueue("begun\n") }));
      },
      websocket: { open: (socket) => void socket.send("begun"), message: () => undefined },
    });
    bench.onEnd(() => void app.stop(true));
  }
  return bench;
}

interface Watched {
  /** Resolves once it is open and something has come. */
  readonly begun: Promise<void>;
  readonly ended: Promise<void>;
}

function watchStream(url: string, headers: Readonly<Record<string, string>>): Watched {
  const [begun, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  void (async () => {
    const answer = await fetch(url, { headers });
    try {
      for await (const chunk of answer.body ?? []) if (chunk.length > 0) begun.resolve();
    } catch {
      // Cut off, as it should be.
    }
    ended.resolve();
  })();
  return { begun: begun.promise, ended: ended.promise };
}

function watchSocket(url: string, headers: Readonly<Record<string, string>>): Watched {
  const [begun, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const socket = new WebSocket(url.replace("http", "ws"), { headers });
  socket.addEventListener("message", () => begun.resolve());
  socket.addEventListener("close", () => ended.resolve());
  return { begun: begun.promise, ended: ended.promise };
}

const watchBoth = (url: string, headers: Readonly<Record<string, string>> = {}): Watched[] => [
  watchStream(url, headers),
  watchSocket(url, headers),
];

test("revoking a token ends the streams and WebSockets it opened, and no others", async () => {
  await using bench = await benchWithStreams();
  const byToken = watchBoth(`${bench.url}/preview/closed/`, { "X-Blaxel-Preview-Token": TOKEN });
  const byKey = watchBoth(`${bench.url}/preview/closed/`, { Authorization: `Bearer ${API_KEY}` });
  await Promise.all([...byToken, ...byKey].map(({ begun }) => begun));
  bench.isTokenLive = false;
  bench.gateway.recheck();
  await Promise.all(byToken.map(({ ended }) => ended));
  expect(byKey.map(({ ended }) => Bun.peek.status(ended))).toEqual(["pending", "pending"]);
  bench.previews.delete("closed");
  bench.gateway.recheck();
  await Promise.all(byKey.map(({ ended }) => ended));
});

test("a key that is revoked, a preview that turns private or expires: what is open ends by itself", async () => {
  await using bench = await benchWithStreams();
  const byKey = watchBoth(`${bench.url}/run/acme/sandboxes/box/watch`, { Authorization: `Bearer ${API_KEY}` });
  bench.addPreview({ previewId: "passing", isPublic: true, expiresAtMs: Date.now() + 1500 });
  const passing = watchBoth(`${bench.url}/preview/passing/`);
  const open = watchBoth(`${bench.url}/preview/open/`);
  await Promise.all([...byKey, ...passing, ...open].map(({ begun }) => begun));
  bench.isKeyLive = false;
  bench.addPreview({ previewId: "open", isPublic: false });
  await Promise.all([...byKey, ...open, ...passing].map(({ ended }) => ended));
});
