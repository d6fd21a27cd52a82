import { once } from "node:events";
import { createServer, connect, type AddressInfo, type Server, type Socket } from "node:net";
import { expect, test } from "bun:test";
import type { RelayPort } from "@dormouse/schema";
import { readToEnd, startTestAgent, type TestAgent } from "../testing/agent.ts";

const TOTAL_BYTES = 100 * 1024 * 1024;
/** How far apart targets are whose relays would have the same port. */
const RELAY_PORT_COUNT = 65_536 - 61_000;
/** What a stalled transfer may have taken in: kernel buffers of three connections and the relay's own few chunks. */
const MAX_STALLED_BYTES = 32 * 1024 * 1024;

interface App extends AsyncDisposable {
  readonly server: Server;
  readonly port: number;
}

/** A server of the test's own; disposing cuts its connections. */
async function startApp(onConnection: (socket: Socket) => void, host = "127.0.0.1", port = 0): Promise<App> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    onConnection(socket);
  });
  await once(server.listen({ port, host, ipv6Only: host === "::" }), "listening");
  return {
    server,
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

const echo = (socket: Socket): void => void socket.pipe(socket);
const greet = (text: string) => (socket: Socket) => void socket.end(text);
const ask = (agent: TestAgent, port: number | string) => agent.request(`/network/relays/${port}`, { method: "POST" });

async function relayOf(agent: TestAgent, port: number): Promise<number> {
  const answer = await ask(agent, port);
  expect(answer.status).toBe(200);
  return ((await answer.json()) as RelayPort).port;
}

async function connectTo(port: number): Promise<Socket & Disposable> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  await once(socket, "connect");
  return Object.assign(socket, { [Symbol.dispose]: () => void socket.destroy() });
}

const errorCodeOf = async (socket: Socket): Promise<string | undefined> => {
  const [error] = (await once(socket.resume(), "error")) as [NodeJS.ErrnoException];
  return error.code;
};

test.each(["127.0.0.1", "::1"])("R-39: a server that listens on %s only is reached", async (host) => {
  await using agent = startTestAgent();
  await using app = await startApp(echo, host);
  const port = await relayOf(agent, app.port);
  expect(port).not.toBe(app.port);
  using client = await connectTo(port);
  client.end("hello");
  expect(await readToEnd(client)).toBe("hello");
});

test("a server others reach by IPv4 needs no relay", async () => {
  await using agent = startTestAgent();
  await using app = await startApp(echo, "0.0.0.0");
  expect(await relayOf(agent, app.port)).toBe(app.port);
  expect(await relayOf(agent, agent.api.port)).toBe(agent.api.port);
});

test("a server on all of IPv6 but not IPv4 is reached", async () => {
  await using agent = startTestAgent();
  await using app = await startApp(greet("six"), "::");
  using client = await connectTo(await relayOf(agent, app.port));
  client.end();
  expect(await readToEnd(client)).toBe("six");
});

test("a port nobody listens on is 404, one of the platform's own and what is no port are 400", async () => {
  await using agent = startTestAgent();
  const app = await startApp(echo);
  await app[Symbol.asyncDispose]();
  const refused = async (port: number | string): Promise<unknown[]> => {
    const answer = await ask(agent, port);
    return [answer.status, ((await answer.json()) as { error: string }).error];
  };
  expect(await refused(app.port)).toEqual([404, `Cannot relay to port ${app.port}: nothing listens on it`]);
  for (const port of [80, 443, 8080])
    expect(await refused(port)).toEqual([400, `Cannot relay to port ${port}: the port is reserved`]);
  for (const port of [0, 65_536, "3000x", -1]) expect(await refused(port)).toEqual([400, "invalid port"]);
});

test("requests that come at once, and later ones, get one relay; each target has its own", async () => {
  await using agent = startTestAgent();
  await using app = await startApp(echo);
  await using other = await startApp(echo);
  const ports = await Promise.all(Array.from({ length: 20 }, () => relayOf(agent, app.port)));
  expect(new Set([...ports, await relayOf(agent, app.port)]).size).toBe(1);
  expect(await relayOf(agent, other.port)).not.toBe(ports[0] ?? 0);
});

test("either side can say that it is done and still be told things", async () => {
  await using agent = startTestAgent();
  let received = "";
  await using app = await startApp((socket) => {
    socket.on("data", (bytes) => (received += bytes.toString()));
    socket.once("end", () => socket.write("after your end", () => socket.end()));
  });
  using first = await connectTo(await relayOf(agent, app.port));
  first.end("request");
  expect(await readToEnd(first)).toBe("after your end");
  expect(received).toBe("request");

  const appSawEnd = Promise.withResolvers<string>();
  await using early = await startApp((socket) => {
    socket.end("all I have");
    // The agent's own look at the port says nothing.
    void readToEnd(socket).then((text) => text !== "" && appSawEnd.resolve(text));
  });
  using second = await connectTo(await relayOf(agent, early.port));
  let answer = "";
  second.on("data", (bytes: Buffer) => (answer += bytes.toString()));
  await once(second, "end");
  second.end("sent after your end");
  expect(await appSawEnd.promise).toBe("sent after your end");
  expect(answer).toBe("all I have");
});

test("a reset reaches the other side as one, so that half an answer is not taken for a whole one", async () => {
  await using agent = startTestAgent();
  const appSaw = Promise.withResolvers<string | undefined>();
  await using app = await startApp((socket) => {
    socket.once("data", (bytes) => {
      if (bytes.toString() === "reset me") socket.resetAndDestroy();
      else socket.write("go on");
    });
    void errorCodeOf(socket).then(appSaw.resolve);
  });
  const port = await relayOf(agent, app.port);
  using resetByApp = await connectTo(port);
  resetByApp.write("reset me");
  expect(await errorCodeOf(resetByApp)).toBe("ECONNRESET");
  using resets = await connectTo(port);
  resets.write("hello");
  await once(resets, "data");
  resets.resetAndDestroy();
  expect(await appSaw.promise).toBe("ECONNRESET");
});

/** Sends everything at the other side's pace; counts what was taken. */
function startSending(socket: Socket): { sentBytes: number; readonly stalled: Promise<void> } {
  const chunk = Buffer.alloc(256 * 1024, 7);
  const stalled = Promise.withResolvers<void>();
  const sending = { sentBytes: 0, stalled: stalled.promise };
  const send = (): void => {
    while (sending.sentBytes < TOTAL_BYTES) {
      sending.sentBytes += chunk.length;
      if (socket.write(chunk)) continue;
      const timer = setTimeout(stalled.resolve, 300);
      socket.once("drain", () => {
        clearTimeout(timer);
        send();
      });
      return;
    }
    socket.end();
  };
  send();
  return sending;
}

async function expectToBeStalledUntilRead(sender: Socket, reader: Socket): Promise<void> {
  reader.pause();
  const sending = startSending(sender);
  await sending.stalled;
  expect(sending.sentBytes).toBeLessThan(MAX_STALLED_BYTES);
  let receivedBytes = 0;
  for await (const bytes of reader.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>)
    receivedBytes += bytes.length;
  expect(receivedBytes).toBe(TOTAL_BYTES);
}

test("a slow reader on either side stalls the sender instead of filling memory, and misses no byte", async () => {
  await using agent = startTestAgent();
  let accepted = Promise.withResolvers<Socket>();
  await using app = await startApp((socket) => accepted.resolve(socket.pause()));
  const port = await relayOf(agent, app.port);
  // The agent's own look at the port.
  await accepted.promise;
  for (const isUpload of [true, false]) {
    accepted = Promise.withResolvers<Socket>();
    using client = await connectTo(port);
    const served = await accepted.promise;
    if (isUpload) await expectToBeStalledUntilRead(client, served);
    else await expectToBeStalledUntilRead(served, client);
  }
});

test("a relay closes with its target, at the first connection that finds it gone, and comes back with it at the same port", async () => {
  await using agent = startTestAgent();
  const app = await startApp(greet("first"));
  const port = await relayOf(agent, app.port);
  await app[Symbol.asyncDispose]();
  using client = await connectTo(port);
  expect(await errorCodeOf(client)).toBe("ECONNRESET");
  expect(await errorCodeOf(connect(port, "127.0.0.1"))).toBe("ECONNREFUSED");
  expect((await ask(agent, app.port)).status).toBe(404);
  await using _ = await startApp(greet("second"), "::1", app.port);
  expect(await relayOf(agent, app.port)).toBe(port);
  using later = await connectTo(port);
  later.end();
  expect(await readToEnd(later)).toBe("second");
});

test("a connection is handed on to wherever its target listens by now, and nothing of it is lost", async () => {
  await using agent = startTestAgent();
  const app = await startApp(echo);
  const { port: targetPort } = app;
  const port = await relayOf(agent, targetPort);
  await app[Symbol.asyncDispose]();
  for (const host of ["::1", "127.0.0.1", "::"]) {
    await using moved = await startApp(echo, host, targetPort);
    using client = await connectTo(port);
    client.end(`to ${host}`);
    expect(await readToEnd(client)).toBe(`to ${host}`);
    expect(moved.port).toBe(targetPort);
  }
});

test.each(["asked for it again", "found out by a visitor"])(
  "a target that others reach by now frees its relay's port, %s; open connections go on",
  async (how) => {
    await using agent = startTestAgent();
    await using app = await startApp(echo, "::1");
    const port = await relayOf(agent, app.port);
    using client = await connectTo(port);
    client.write("a");
    await once(client, "data");
    const closed = once(app.server, "close");
    app.server.close();
    await using _ = await startApp(greet("outside"), "0.0.0.0", app.port);
    if (how === "asked for it again") expect(await relayOf(agent, app.port)).toBe(app.port);
    else {
      using visitor = await connectTo(port);
      visitor.end();
      expect(await readToEnd(visitor)).toBe("outside");
    }
    expect(await errorCodeOf(connect(port, "127.0.0.1"))).toBe("ECONNREFUSED");
    client.end("b");
    expect(await readToEnd(client)).toBe("b");
    await closed;
  },
);

test("a relay port is never given to another target, also when its own is gone", async () => {
  await using agent = startTestAgent();
  const app = await startApp(echo);
  const port = await relayOf(agent, app.port);
  await app[Symbol.asyncDispose]();
  expect((await ask(agent, app.port)).status).toBe(404);
  await using rival = await startRival(app.port);
  expect(await relayOf(agent, rival.port)).not.toBe(port);
});

/** A server whose relay would have the same port as the relay of `port`. */
async function startRival(port: number): Promise<App> {
  for (let rivalPort = port - RELAY_PORT_COUNT; rivalPort > 1024; rivalPort -= RELAY_PORT_COUNT) {
    const app = await startApp(echo, "127.0.0.1", rivalPort).catch(() => undefined);
    if (app !== undefined) return app;
  }
  throw new Error("every port that would do is taken");
}

test("relays end with the agent, with the connections through them", async () => {
  const agent = startTestAgent();
  await using app = await startApp(echo);
  const port = await relayOf(agent, app.port);
  using client = await connectTo(port);
  client.write("hello");
  await once(client, "data");
  const ended = once(client.resume(), "end");
  await agent[Symbol.asyncDispose]();
  await ended;
  expect(await errorCodeOf(connect(port, "127.0.0.1"))).toBe("ECONNREFUSED");
});
