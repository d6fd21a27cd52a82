import type net from "node:net";
import { expect, test } from "bun:test";
import { GatewayBench } from "./testkit/gateway-bench.ts";
import { exchange, get, parseAnswer, RawClient } from "./testkit/raw-client.ts";
import { startRelayAgent } from "./testkit/relay-agent.ts";

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/** Answers every request of a connection with `answer`, collecting the request heads. */
function answering(answer: string | Uint8Array, seen: string[] = []): (socket: net.Socket) => void {
  return (socket) => {
    socket.on("data", (bytes) => {
      seen.push(bytes.toString("latin1"));
      socket.write(answer);
    });
  };
}

function requestLineOf(request: string | undefined): string {
  return request?.split("\r\n")[0] ?? "";
}

function closeOf(socket: net.Socket): Promise<void> {
  return new Promise((resolve) => socket.once("close", () => resolve()));
}

test.each([
  "/a//b",
  "//a//b",
  "///a",
  "/a%2Fb%20c/",
  "/a?",
  "/a?x=1&&y=%zz&z=a+b%26",
  "/?a=b?c=d",
  "/a/~b;c,d=e@f:g!$'()*|x",
])("path and query %s arrive byte for byte", async (path) => {
  await using bench = new GatewayBench();
  const seen: string[] = [];
  await bench.listen(3000, answering(OK, seen));
  const answer = await exchange(bench.port, get(`/preview/open${path}`));
  expect(answer.status).toBe(200);
  expect(requestLineOf(seen[0])).toBe(`GET ${path} HTTP/1.1`);
});

test("both of two Set-Cookie lines reach the client", async () => {
  await using bench = new GatewayBench();
  await bench.listen(
    3000,
    answering("HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Path=/\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n"),
  );
  const answer = await exchange(bench.port, get("/preview/open/"));
  expect(answer.head.match(/set-cookie: [^\r]+/gi)).toEqual(["set-cookie: a=1; Path=/", "set-cookie: b=2"]);
});

test("HEAD keeps the length it announces and has no body", async () => {
  await using bench = new GatewayBench();
  await bench.listen(3000, answering('HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nETag: "v1"\r\n\r\n'));
  const answer = await exchange(bench.port, get("/preview/open/").replace("GET", "HEAD"));
  expect(answer).toMatchObject({ status: 200, body: "" });
  expect(answer.head.toLowerCase()).toContain("content-length: 1234");
});

test.each(["204 No Content", "304 Not Modified"])("%s passes without a body", async (status) => {
  await using bench = new GatewayBench();
  await bench.listen(3000, answering(`HTTP/1.1 ${status}\r\nETag: "v1"\r\n\r\n`));
  const answer = await exchange(bench.port, get("/preview/open/"));
  expect(answer).toMatchObject({ status: Number(status.slice(0, 3)), body: "" });
  expect(answer.head.toLowerCase()).not.toContain("transfer-encoding");
});

test("DELETE passes, with and without a body", async () => {
  await using bench = new GatewayBench();
  const seen: string[] = [];
  await bench.listenHttp(3000, (request, response) => {
    request.setEncoding("utf8").once("data", (body: string) => seen.push(body));
    request.on("end", () => response.end(`${request.method} gone`));
  });
  for (const body of [null, "why"]) {
    const answer = await fetch(`${bench.url}/preview/open/x`, { method: "DELETE", body });
    expect(await answer.text()).toBe("DELETE gone");
  }
  expect(seen).toEqual(["why"]);
});

test("a GET with a body is refused rather than forwarded without it", async () => {
  await using bench = new GatewayBench();
  await bench.listen(3000, answering(OK));
  const request = "GET /preview/open/_search HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody";
  expect(await exchange(bench.port, request)).toMatchObject({ status: 400 });
});

test("the app sees the Host the client sent", async () => {
  await using bench = new GatewayBench();
  const seen: string[] = [];
  await bench.listen(3000, answering(OK, seen));
  await exchange(bench.port, get("/").replace("gateway.test", "open.preview.localhost:4111"));
  expect(seen[0]).toContain("Host: open.preview.localhost:4111\r\n");
});

test("a gzip body passes untouched, with its encoding header", async () => {
  await using bench = new GatewayBench();
  const zipped = Buffer.from(Bun.gzipSync("hello hello hello"));
  const head = Buffer.from(`HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${zipped.length}\r\n\r\n`);
  await bench.listen(3000, answering(Buffer.concat([head, zipped])));
  const answer = await exchange(bench.port, get("/preview/open/"));
  expect(answer.head.toLowerCase()).toContain("content-encoding: gzip");
  expect(Buffer.from(answer.body, "latin1")).toEqual(zipped);
});

test("a redirect is the client's to follow", async () => {
  await using bench = new GatewayBench();
  await bench.listen(3000, answering("HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"));
  const answer = await exchange(bench.port, get("/preview/open/"));
  expect(answer.status).toBe(302);
  expect(answer.head.toLowerCase()).toContain("location: /elsewhere");
});

test("an answer without Content-Type stays without", async () => {
  await using bench = new GatewayBench();
  await bench.listen(3000, answering(OK));
  const answer = await exchange(bench.port, get("/preview/open/"));
  expect(answer.head.toLowerCase()).not.toContain("content-type");
});

test("headers named by Connection are removed in both directions", async () => {
  await using bench = new GatewayBench();
  const seen: string[] = [];
  const app =
    "HTTP/1.1 200 OK\r\nConnection: X-App-Hop\r\nX-App-Hop: 1\r\nKeep-Alive: timeout=5\r\nX-Kept: 1\r\nContent-Length: 0\r\n\r\n";
  await bench.listen(3000, answering(app, seen));
  const request =
    "GET /preview/open/ HTTP/1.1\r\nHost: a\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nTE: trailers\r\nX-Kept: 1\r\n\r\n";
  const answer = await exchange(bench.port, request);
  expect(seen[0]?.toLowerCase()).not.toMatch(/x-hop|\nte:/);
  expect(seen[0]?.toLowerCase()).toContain("x-kept: 1");
  expect(answer.head.toLowerCase()).not.toMatch(/x-app-hop|keep-alive/);
  expect(answer.head.toLowerCase()).toContain("x-kept: 1");
});

test("server-sent events arrive one by one, and a client that leaves ends them", async () => {
  await using bench = new GatewayBench();
  const app = Promise.withResolvers<net.Socket>();
  await bench.listen(3000, (socket) => {
    socket.once("data", () => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
      app.resolve(socket);
    });
  });
  using client = new RawClient(bench.port);
  client.send(get("/preview/open/events"));
  const socket = await app.promise;
  for (const event of ["data: 1\n\n", "data: 2\n\n"]) {
    socket.write(`${event.length.toString(16)}\r\n${event}\r\n`);
    await client.until((received) => received.includes(event));
  }
  const closed = closeOf(socket);
  client.destroy();
  await closed;
});

test("a client that leaves before the answer's head ends the app's request", async () => {
  await using bench = new GatewayBench();
  const app = Promise.withResolvers<net.Socket>();
  await bench.listen(3000, (socket) => socket.once("data", () => app.resolve(socket)));
  using client = new RawClient(bench.port);
  client.send(get("/preview/open/slow"));
  const socket = await app.promise;
  const closed = closeOf(socket);
  client.destroy();
  await closed;
});

test("an upload streams, and its abort reaches the app", async () => {
  await using bench = new GatewayBench();
  const app = Promise.withResolvers<net.Socket>();
  let received = "";
  const sawPart = Promise.withResolvers<void>();
  await bench.listen(3000, (socket) => {
    app.resolve(socket);
    socket.on("data", (bytes) => {
      received += bytes.toString("latin1");
      if (received.includes("first part")) sawPart.resolve();
    });
  });
  using client = new RawClient(bench.port);
  client.send("PUT /preview/open/up HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nfirst part");
  await sawPart.promise;
  expect(received).toContain("Content-Length: 1000000");
  const closed = closeOf(await app.promise);
  client.destroy();
  await closed;
});

test("a slow reader stalls the app instead of filling memory", async () => {
  await using bench = new GatewayBench();
  const totalBytes = 256 * 1024 * 1024;
  let sentBytes = 0;
  const stalled = Promise.withResolvers<void>();
  await bench.listen(3000, (socket) => {
    const chunk = Buffer.alloc(1024 * 1024);
    socket.once("data", () => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${totalBytes}\r\n\r\n`);
      const pump = (): void => {
        while (sentBytes < totalBytes) {
          sentBytes += chunk.length;
          if (!socket.write(chunk)) {
            const timer = setTimeout(stalled.resolve, 300);
            socket.once("drain", () => {
              clearTimeout(timer);
              pump();
            });
            return;
          }
        }
        stalled.resolve();
      };
      pump();
    });
  });
  using client = new RawClient(bench.port);
  client.send(get("/preview/open/big"));
  await client.until((received) => received.includes("\r\n\r\n"));
  client.pause();
  await stalled.promise;
  expect(sentBytes).toBeLessThan(64 * 1024 * 1024);
});

test.each(["Content-Length: 1000000", "Transfer-Encoding: chunked"])(
  "an app that dies mid-body under %s is an error for the client",
  async (framing) => {
    await using bench = new GatewayBench();
    await bench.listen(3000, (socket) => {
      socket.once("data", () =>
        socket.write(`HTTP/1.1 200 OK\r\n${framing}\r\n\r\n5\r\nhello\r\n`, () =>
          setTimeout(() => socket.destroy(), 20),
        ),
      );
    });
    using client = new RawClient(bench.port);
    client.send(get("/preview/open/"));
    const received = await client.untilClosed();
    expect(received).toContain("hello");
    expect(received).not.toContain("\r\n0\r\n\r\n");
    const read = fetch(`${bench.url}/preview/open/`).then((answer) => answer.text());
    expect(
      read.then(
        () => "whole",
        () => "error",
      ),
    ).resolves.toBe("error");
  },
);

test("an app that dies within a short body is a 502", async () => {
  await using bench = new GatewayBench();
  await bench.listen(3000, (socket) => {
    socket.once("data", () =>
      socket.write("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\nhello", () =>
        setTimeout(() => socket.destroy(), 20),
      ),
    );
  });
  expect((await exchange(bench.port, get("/preview/open/"))).status).toBe(502);
});

test("a dead port is a 502 that says what to do", async () => {
  await using bench = new GatewayBench();
  await startRelayAgent(bench);
  const answer = await fetch(`${bench.url}/preview/open/`);
  expect(answer.status).toBe(502);
  expect(answer.headers.get("x-blaxel-source")).toBe("platform");
  const { error } = (await answer.json()) as { error: Record<string, unknown> };
  expect(error).toMatchObject({ code: "UPSTREAM_UNREACHABLE", status: 502, retryable: true });
  expect(error["message"]).toContain('nothing listens on port 3000 in sandbox "box"');
  expect(error["hint"]).toBe("Start a server inside the sandbox that listens on port 3000, on any address.");
});

test("Expect: 100-continue is answered here and not passed on", async () => {
  await using bench = new GatewayBench();
  const seen: string[] = [];
  await bench.listen(3000, answering(OK, seen));
  using client = new RawClient(bench.port);
  client.send("PUT /preview/open/ HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  await client.until((received) => received.includes("100 Continue"));
  client.send("body");
  await client.until((received) => received.endsWith("ok"));
  expect(seen.join("").toLowerCase()).not.toContain("expect");
});

test("1,000 idle connections leave the gateway answering", async () => {
  await using bench = new GatewayBench();
  await bench.listen(3000, answering(OK));
  const clients = Array.from({ length: 1000 }, () => new RawClient(bench.port));
  try {
    for (const client of clients) client.send("GET /preview/open/ HTTP/1.1\r\nHost: a\r\n\r\n");
    await Promise.all(clients.map((client) => client.until((received) => received.endsWith("ok"))));
    expect(parseAnswer((await exchange(bench.port, get("/preview/open/"))).head + "\r\n\r\n").status).toBe(200);
  } finally {
    for (const client of clients) client.destroy();
  }
});
