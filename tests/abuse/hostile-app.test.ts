import { beforeAll, expect, test } from "bun:test";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { useDormouse } from "../support/suite.ts";

/* Apps are the users' own and may be written to hurt the server that forwards to them, which all tenants share. */

const suite = useDormouse();

/** One answer a path, on port 3000; none of them ends by itself. */
const APP = String.raw`
import socket, threading, zlib
def forever(connection, piece):
    while True: connection.sendall(piece)
def answer(connection):
    request = connection.recv(65536).decode("latin1")
    path = request.split(" ")[1]
    if path == "/hello": connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
    if path == "/headers": connection.sendall(b"HTTP/1.1 200 OK\r\n"); forever(connection, b"X-Long: " + b"x" * 8000 + b"\r\n")
    if path == "/one-header": connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: "); forever(connection, b"x" * 65536)
    if path == "/continue": forever(connection, b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)
    if path == "/status": connection.sendall(b"HTTP/1.1 200 "); forever(connection, b"x" * 65536)
    if path == "/chunk-size": connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"); forever(connection, b"0" * 65536)
    if path == "/chunk-extension": connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;"); forever(connection, b"x" * 65536)
    if path == "/trailers": connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"); forever(connection, b"X-Long: " + b"x" * 8000 + b"\r\n")
    if path == "/body": connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n"); forever(connection, b"x" * 65536)
    if path == "/bomb":
        body = zlib.compress(b"\0" * 100000000)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    if path == "/nonsense": connection.sendall(b"\0\1\2 not HTTP at all\r\n\r\n")
    connection.close()
def served(connection):
    try: answer(connection)
    except OSError: pass
server = socket.create_server(("0.0.0.0", 3000))
while True: threading.Thread(target=served, args=(server.accept()[0],), daemon=True).start()
`;

beforeAll(async () => {
  const { api } = suite;
  await api.create("hostile");
  await api.write("hostile", "/root/app.py", APP);
  await api.process("hostile", { command: "python3 /root/app.py", waitForPorts: [3000], timeout: 30 });
});

const residentMiB = (): number =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${suite.dormouse.pids.server()}/status`, "utf8"))?.[1]) / 1024;

const PATIENCE_MS = 1000;
const MEMORY_SLACK_MIB = 64;

/** A visitor who reads nothing and gives up after a second; the most the server's memory has grown meanwhile, in MiB. */
async function growthDuringVisit(path: string): Promise<number> {
  const before = residentMiB();
  let most = before;
  const watch = setInterval(() => (most = Math.max(most, residentMiB())), 10);
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const hasGivenUp = once(signal, "abort");
  try {
    await Promise.all([hasGivenUp, suite.api.fetch("hostile", `/port/3000${path}`, { signal }).catch(() => undefined)]);
    return most - before;
  } finally {
    clearInterval(watch);
  }
}

test.each([
  "headers",
  "one-header",
  "continue",
  "status",
  "chunk-size",
  "chunk-extension",
  "trailers",
  "body",
  "bomb",
  "nonsense",
])("F001 an answer of an app that is made to hurt (%s) fills no memory and keeps nobody waiting", async (path) => {
  const growth = growthDuringVisit(`/${path}`);
  expect(await suite.api.list()).toEqual(["hostile"]);
  expect(await suite.api.text("hostile", "/port/3000/hello")).toBe("hello");
  expect(await growth).toBeLessThan(MEMORY_SLACK_MIB);
  expect(await suite.api.text("hostile", "/port/3000/hello")).toBe("hello");
});
