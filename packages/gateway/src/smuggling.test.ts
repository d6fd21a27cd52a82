import { expect, test } from "bun:test";
import { API_KEY, GatewayBench, TOKEN } from "./testkit/gateway-bench.ts";
import { exchange, get, RawClient } from "./testkit/raw-client.ts";

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const POST = "POST /preview/open/ HTTP/1.1\r\nHost: a\r\n";

async function benchSeeing(seen: string[]): Promise<GatewayBench> {
  const bench = new GatewayBench();
  await bench.listen(3000, (socket) => {
    socket.on("data", (bytes) => {
      seen.push(bytes.toString("latin1"));
      socket.write(OK);
    });
  });
  return bench;
}

test.each([
  ["Transfer-Encoding with Content-Length", `${POST}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  ["two different lengths", `${POST}Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde`],
  ["two equal lengths", `${POST}Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd`],
  ["a list of lengths", `${POST}Content-Length: 4, 4\r\n\r\nabcd`],
  ["a signed length", `${POST}Content-Length: +4\r\n\r\nabcd`],
  ["a length that is no number", `${POST}Content-Length: 0x4\r\n\r\nabcd`],
  ["an unknown transfer coding", `${POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`],
  ["chunked that is not last", `${POST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`],
  [
    "two transfer codings in two headers",
    `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n`,
  ],
  ["a space before the colon", `${POST}Content-Length : 4\r\n\r\nabcd`],
  ["a folded header", `${POST}X-A: b\r\n Transfer-Encoding: chunked\r\n\r\n`],
  ["a bare CR in a header", `${POST}X-A: b\rTransfer-Encoding: chunked\r\n\r\n`],
  ["a NUL in a header", `${POST}X-A: b\0c\r\n\r\n`],
  ["a chunk size that is no number", `${POST}Transfer-Encoding: chunked\r\n\r\nZZ\r\nabcd\r\n0\r\n\r\n`],
  ["two Host headers", "GET /preview/open/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"],
  ["no Host header", "GET /preview/open/ HTTP/1.1\r\n\r\n"],
])("%s is refused and no request hides in it", async (_name, text) => {
  const seen: string[] = [];
  await using bench = await benchSeeing(seen);
  using client = new RawClient(bench.port);
  client.send(text);
  expect(await client.until((received) => received.includes("\r\n\r\n"))).toStartWith("HTTP/1.1 400");
  const whole = seen.join("");
  expect(whole).not.toContain("GET /preview");
  expect(whole.match(/ HTTP\/1\.1/g)?.length ?? 0).toBeLessThanOrEqual(1);
});

test("a request inside the body of another is body, not a request", async () => {
  await using bench = new GatewayBench();
  const seen: string[] = [];
  await bench.listenHttp(3000, (request, response) => {
    seen.push(`${request.method} ${request.url}`);
    request.resume().on("end", () => response.end("done"));
  });
  const hidden = get("/preview/open/hidden");
  using client = new RawClient(bench.port);
  client.send(`${POST}Content-Length: ${hidden.length}\r\n\r\n${hidden}`);
  await client.until((received) => received.endsWith("done"));
  expect(seen).toEqual(["POST /"]);
});

test("a request inside the body of a refused GET is not answered either", async () => {
  const seen: string[] = [];
  await using bench = await benchSeeing(seen);
  const hidden = "GET /preview/open/hidden HTTP/1.1\r\nHost: a\r\n\r\n";
  const last = get("/preview/open/last");
  const carrier = `GET /preview/open/carrier HTTP/1.1\r\nHost: a\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`;
  const answer = await exchange(bench.port, carrier + last);
  expect(answer.status).toBe(400);
  expect(seen.map((bytes) => bytes.split(" ")[1])).toEqual(["/last"]);
});

test("a pipelined request never gets the answer of another", async () => {
  await using bench = new GatewayBench();
  await bench.listenHttp(3000, (request, response) => {
    setTimeout(() => response.end(`<${request.url}>`), request.url === "/1" ? 50 : 0);
  });
  const first = "GET /preview/open/1 HTTP/1.1\r\nHost: a\r\n\r\n";
  using client = new RawClient(bench.port);
  client.send(first + get("/preview/open/2"));
  // Bun may close the connection instead of queueing the second request; that is the client's to repeat.
  const answers = (await client.untilClosed()).match(/<\/\d>/g) ?? [];
  expect(["", "</1>", "</1></2>"]).toContain(answers.join(""));
});

test("forwarding headers and platform credentials of the client never reach the app", async () => {
  const seen: string[] = [];
  await using bench = await benchSeeing(seen);
  const spoofed = [
    "X-Forwarded-For: 6.6.6.6",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: evil.test",
    "X-Forwarded-Port: 1",
    "X-Real-IP: 6.6.6.6",
    "Forwarded: for=6.6.6.6",
    `X-Blaxel-Authorization: Bearer ${API_KEY}`,
    "X-Blaxel-Workspace: acme",
    `X-Blaxel-Preview-Token: ${TOKEN}`,
    `Cookie: theirs=1; dormouse_preview=${TOKEN}; dormouse_session=s`,
  ];
  await exchange(bench.port, get("/preview/closed/", spoofed));
  const head = seen[0] ?? "";
  expect(head).not.toMatch(/6\.6\.6\.6|evil|dormouse_|blaxel/i);
  expect(head).not.toContain(TOKEN);
  expect(head).not.toContain(API_KEY);
  expect(head.toLowerCase()).toContain("x-forwarded-for: 127.0.0.1\r\n");
  expect(head.toLowerCase()).toContain("x-forwarded-proto: http\r\n");
  expect(head.toLowerCase()).toContain("x-forwarded-host: gateway.test\r\n");
  expect(head).toContain("Cookie: theirs=1\r\n");
});

test("the app's own Authorization reaches it when the platform did not need it", async () => {
  const seen: string[] = [];
  await using bench = await benchSeeing(seen);
  await exchange(
    bench.port,
    get("/preview/closed/", [`X-Blaxel-Preview-Token: ${TOKEN}`, "Authorization: Bearer of-the-app"]),
  );
  expect(seen[0]).toContain("Authorization: Bearer of-the-app");
});

test("an app cannot pass for the platform nor set its cookies", async () => {
  await using bench = new GatewayBench();
  await bench.listen(3000, (socket) => {
    socket.once("data", () =>
      socket.write(
        "HTTP/1.1 200 OK\r\nX-Blaxel-Source: platform\r\nSet-Cookie: dormouse_session=evil; Path=/\r\nSet-Cookie: own=1\r\nContent-Length: 0\r\n\r\n",
      ),
    );
  });
  const { head } = await exchange(bench.port, get("/preview/open/"));
  expect(head.toLowerCase()).not.toMatch(/x-blaxel-source|dormouse_session/);
  expect(head.toLowerCase()).toContain("set-cookie: own=1");
});
