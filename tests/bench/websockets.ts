import { readFileSync } from "node:fs";
import type { BenchContext } from "./context.ts";
import { type Figure, ms, summaryText, withFloor } from "./figure.ts";
import { round, summarize } from "./stats.ts";

const PORT = 3000;
const WANTED_SOCKETS = 10_000;
const QUICK_SOCKETS = 500;
/** Files that the server, the app and this program each have open beside the sockets. */
const SPARE_FILES = 200;
/** Handshakes at once. */
const HANDSHAKES = 100;

/** Echoes what it gets. */
const APP = `
Bun.serve({
  port: ${PORT},
  fetch: (request, server) => (server.upgrade(request) ? undefined : new Response("ok")),
  websocket: { message: (socket, message) => void socket.send(message), idleTimeout: 0 },
});
`;

/** A message there and back through a private preview; and what thousands of open, silent sockets cost the server. */
export async function benchWebSockets({ dormouse, api, isQuick }: BenchContext): Promise<Figure[]> {
  await using sandbox = await api.create("sockets");
  await sandbox.write("/tmp/app.js", APP);
  const command = "exec sandbox-api /tmp/app.js";
  await sandbox.exec(command, { name: "app", env: { BUN_BE_BUN: "1" }, waitForPorts: [PORT] });
  const { path, token } = await api.privatePreview(sandbox.name, PORT);
  const url = `${dormouse.url.replace("http", "ws")}${path}?bl_preview_token=${token}`;
  const direct = `ws://${await sandbox.address()}:${PORT}/`;
  const count = isQuick ? 200 : 2000;
  const floor = await echoTimes(direct, count);
  const through = await echoTimes(url, count);
  return [
    {
      key: "websocket_echo_ms",
      value: withFloor(through, floor.p50),
      title: "WebSocket message and echo",
      text: summaryText(through),
      beside: `floor ${ms(floor.p50)} (without gateway)`,
    },
    await idleSockets(url, dormouse.pids.server(), isQuick ? QUICK_SOCKETS : WANTED_SOCKETS),
  ];
}

async function echoTimes(url: string, count: number): Promise<ReturnType<typeof summarize>> {
  const socket = await openSocket(url);
  const samplesMs: number[] = [];
  for (let index = 0; index < count; index++) {
    const startedAtMs = performance.now();
    await echo(socket);
    samplesMs.push(performance.now() - startedAtMs);
  }
  socket.close();
  return summarize(samplesMs);
}

async function idleSockets(url: string, serverPid: number, wanted: number): Promise<Figure> {
  // The server has two sockets for each: the client's and the app's.
  const fitting = Math.min(wanted, Math.floor((openFilesMax(serverPid) - SPARE_FILES) / 2));
  const beforeMiB = rssMiB(serverPid);
  const sockets: WebSocket[] = [];
  while (sockets.length < fitting) {
    const batch = Math.min(HANDSHAKES, fitting - sockets.length);
    sockets.push(...(await Promise.all(Array.from({ length: batch }, () => openSocket(url)))));
  }
  const grownMiB = rssMiB(serverPid) - beforeMiB;
  const answers = await Promise.all(sockets.filter((_socket, index) => index % 100 === 0).map(echo));
  const open = sockets.filter(({ readyState }) => readyState === WebSocket.OPEN).length;
  for (const socket of sockets) socket.terminate();
  const limit = fitting < wanted ? `, all that ${openFilesMax(serverPid)} open files allow` : "";
  return {
    key: "idle_sockets_10000",
    value: { open, rss_mib: round(grownMiB) },
    title: `${wanted} idle WebSockets`,
    text: `${open} open${limit}; server ${round(grownMiB)} MiB more, ${round((grownMiB * 1024) / open)} KiB each`,
    beside: `${answers.length} of them asked: all echo`,
  };
}

function openSocket(url: string): Promise<WebSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<WebSocket>();
  const socket = new WebSocket(url);
  socket.addEventListener("open", () => resolve(socket), { once: true });
  socket.addEventListener("close", ({ code }) => reject(new Error(`The WebSocket was closed with ${code}`)), {
    once: true,
  });
  return promise;
}

function echo(socket: WebSocket): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.addEventListener("message", () => resolve(), { once: true });
  socket.send("ping");
  return promise;
}

/** Source: /proc/<pid>/limits. */
function openFilesMax(pid: number): number {
  return Number(/^Max open files +(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, "utf8"))?.[1]);
}

/** Source: /proc/<pid>/status, in kB. */
function rssMiB(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
}
