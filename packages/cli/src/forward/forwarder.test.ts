import { expect, test } from "bun:test";
import { apiKeyCredential, createClient } from "@dormouse/sdk";
import { startForwarder } from "./forwarder.ts";

const client = createClient({
  apiUrl: "http://127.0.0.1:1/v0",
  workspace: "main",
  credential: apiKeyCredential("a-key"),
});

interface Seen {
  readonly path: string;
  readonly headers: Headers;
  readonly body: string;
}

/** An upstream that remembers what came. */
function startUpstream() {
  const seen: Seen[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request, server) {
      const path = request.url.slice(server.url.origin.length);
      if (path.endsWith("/refuse")) return new Response("not here", { status: 403 });
      if (server.upgrade(request, { headers: { "X-Up": "1" } })) return undefined;
      seen.push({ path, headers: request.headers, body: await request.text() });
      const headers = new Headers([
        ["Set-Cookie", "a=1"],
        ["Set-Cookie", "b=2"],
      ]);
      return new Response("answer", { status: 201, headers });
    },
    websocket: {
      message: (socket, message) => void socket.send(`echo ${String(message)}`),
      close: () => undefined,
    },
  });
  return {
    seen,
    baseUrl: `${server.url.origin}/run/main/sandboxes/app`,
    [Symbol.dispose]: () => void server.stop(true),
  };
}

test("requests reach the sandbox as they are, with our credential beside the app's own", async () => {
  using upstream = startUpstream();
  await using forwarder = await startForwarder(client, { localPort: 0, baseUrl: upstream.baseUrl });
  const response = await fetch(`${forwarder.url}/filesystem//tmp?a=%2F`, {
    method: "POST",
    body: "content",
    headers: { Authorization: "Basic app" },
  });
  expect({ status: response.status, text: await response.text() }).toEqual({ status: 201, text: "answer" });
  expect(response.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
  const [request] = upstream.seen;
  expect(request).toMatchObject({ path: "/run/main/sandboxes/app/filesystem//tmp?a=%2F", body: "content" });
  expect(request?.headers.get("authorization")).toBe("Basic app");
  expect(request?.headers.get("x-blaxel-authorization")).toBe("Bearer a-key");
  expect(request?.headers.get("x-blaxel-workspace")).toBe("main");
});

test("WebSockets pass both ways, and a refusal is the answer it is", async () => {
  using upstream = startUpstream();
  await using forwarder = await startForwarder(client, { localPort: 0, baseUrl: upstream.baseUrl });
  const base = forwarder.url.replace("http", "ws");
  const socket = new WebSocket(`${base}/hmr`);
  socket.addEventListener("open", () => socket.send("hi"));
  const { data } = (await nextEvent(socket, "message")) as MessageEvent;
  expect(data).toBe("echo hi");
  socket.close();
  const refused = new WebSocket(`${base}/refuse`);
  const isRefused = nextEvent(refused, "error");
  await nextEvent(refused, "close");
  await isRefused;
});

async function nextEvent(socket: WebSocket, type: "message" | "error" | "close"): Promise<unknown> {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  socket.addEventListener(type, resolve, { once: true });
  return await promise;
}

test.each([
  [{ Origin: "https://elsewhere.test" }, 403],
  [{ Host: "rebound.test" }, 403],
  [{ Origin: "null" }, 403],
  [{ Origin: "http://localhost:5173" }, 201],
])("a request with %p is answered with %p", async (headers, status) => {
  using upstream = startUpstream();
  await using forwarder = await startForwarder(client, { localPort: 0, baseUrl: upstream.baseUrl });
  expect((await fetch(forwarder.url, { headers })).status).toBe(status);
  expect(upstream.seen).toHaveLength(status === 403 ? 0 : 1);
});

test("a sandbox that is not there, and a port that is taken", async () => {
  await using forwarder = await startForwarder(client, { localPort: 0, baseUrl: "http://127.0.0.1:1" });
  const response = await fetch(forwarder.url);
  expect(response.status).toBe(502);
  expect(await response.text()).toStartWith("Cannot reach the sandbox: ");
  const localPort = Number(new URL(forwarder.url).port);
  expect(startForwarder(client, { localPort, baseUrl: "http://127.0.0.1:1" })).rejects.toThrow(
    "another program listens there",
  );
});
