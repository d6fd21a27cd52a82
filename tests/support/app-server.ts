import type { Api } from "./api.ts";

/**
 * A user's app for inside a sandbox, in plain Node: counts in memory, echoes bodies, headers and WebSocket messages, streams.
 * The WebSocket half is the little of RFC 6455 that text messages below 126 bytes need.
 */
const SOURCE = String.raw`
const http = require("node:http");
const { createHash } = require("node:crypto");
let [count, openStreams] = [0, 0];
const routes = {
  "/hello": (request, response) => response.end("hello from " + request.headers.host),
  "/count": (request, response) => response.end(String(++count)),
  "/headers": (request, response) => response.setHeader("content-type", "application/json").end(JSON.stringify({ url: request.url, headers: request.headers })),
  "/upload": (request, response) => request.pipe(response),
  "/silent-stream": (request, response) => void response.write("open\n"),
  "/ticks": (request, response) => {
    response.setHeader("content-type", "text/event-stream");
    let tick = 0;
    openStreams++;
    const timer = setInterval(() => response.write("data: " + tick++ + "\n\n"), 50);
    response.on("close", () => void (openStreams--, clearInterval(timer)));
  },
  "/open-streams": (request, response) => response.end(String(openStreams)),
};
const server = http.createServer((request, response) => {
  const route = routes[request.url.split("?")[0]];
  if (route) route(request, response);
  else response.writeHead(404).end("the app has no " + request.url);
});
server.on("upgrade", (request, socket) => {
  const accept = createHash("sha1").update(request.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest("base64");
  socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept + "\r\n\r\n");
  socket.on("data", (frame) => {
    const [opcode, length, mask] = [frame[0] & 15, frame[1] & 127, frame.subarray(2, 6)];
    const payload = Buffer.from(frame.subarray(6, 6 + length).map((byte, index) => byte ^ mask[index % 4]));
    if (opcode === 8) socket.end(Buffer.concat([Buffer.from([0x88, length]), payload]));
    if (opcode === 1) socket.write(Buffer.concat([Buffer.from([0x81, length]), payload]));
  });
  socket.on("error", () => socket.destroy());
});
server.listen(Number(process.argv[2]), process.argv[3]);
`;

/** Starts the app in a sandbox, as the process `app-<port>`; resolves when it listens on that address. */
export async function appServer(api: Api, sandbox: string, port: number, host = "0.0.0.0"): Promise<void> {
  await api.write(sandbox, "/root/app-server.js", SOURCE);
  await api.process(sandbox, {
    name: `app-${port}`,
    command: `exec node /root/app-server.js ${port} ${host}`,
    waitForPorts: [port],
    timeout: 30,
  });
}
