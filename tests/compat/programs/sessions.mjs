import { SandboxInstance } from "@blaxel/core";
import { report, until } from "./report.mjs";

const seen = {};
const responseHeaders = {
  "Access-Control-Allow-Origin": "http://localhost:3000",
  "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE, OPTIONS, PATCH",
  "Access-Control-Allow-Headers": "Content-Type, Authorization, X-Blaxel-Preview-Token",
  "Access-Control-Allow-Credentials": "true",
  Vary: "Origin",
};
const owner = await SandboxInstance.create({ name: "sessions", memory: 512 });
const expiresAt = new Date(Date.now() + 86_400_000);
const session = await owner.sessions.create({ expiresAt, responseHeaders });
seen.session = {
  name: /^session-\d+$/.test(session.name),
  url: session.url,
  token: typeof session.token,
  expiresAt: session.expiresAt,
};
seen.expected = expiresAt.toISOString();
seen.list = (await owner.sessions.list()).map(({ name }) => name === session.name);
seen.kept = (await owner.sessions.createIfExpired({ expiresAt })).name === session.name;

// What a browser has from here on: the session and nothing else.
const credentials = { key: process.env.BL_API_KEY };
delete process.env.BL_API_KEY;
const guest = await SandboxInstance.fromSession(session);
seen.exec = (await guest.process.exec({ command: "echo from $BL_NAME", waitForCompletion: true })).logs;
const lines = [];
await guest.process.exec({
  name: "ticker",
  command: "echo 1; sleep 0.1; echo 2",
  waitForCompletion: true,
  onLog: (line) => lines.push(line),
});
seen.streamed = lines;
const SERVER = `node -e 'require("http").createServer((q, r) => r.end("served " + q.url)).listen(3000, "0.0.0.0")'`;
await guest.process.exec({ name: "npm-dev", command: SERVER, waitForPorts: [3000], timeout: 20 });
seen.processes = (await guest.process.list()).filter(({ status }) => status === "running").map(({ name }) => name);
const followed = [];
const stream = guest.process.streamLogs("ticker", { onLog: (line) => followed.push(line) });
await until(() => followed.length >= 2);
stream.close();
seen.followed = followed;
await guest.fs.write("/tmp/file", "by the guest");
await guest.fs.writeBinary("/tmp/bytes", new Uint8Array([1, 2, 3]));
seen.files = [
  await guest.fs.read("/tmp/file"),
  (await guest.fs.ls("/tmp")).files.map(({ name }) => name).includes("bytes"),
];
seen.fetched = await (await guest.fetch(3000, "/x?y=1")).text();
seen.stopped = (await guest.process.stop("npm-dev")) && (await guest.process.wait("npm-dev", { interval: 20 })).status;

await guest.process.exec({ name: "endless", command: "sleep 60" });
seen.killed = (await guest.process.kill("endless")) && (await guest.process.wait("endless", { interval: 20 })).status;

const cors = await fetch(`${session.url}/process`, {
  method: "OPTIONS",
  headers: { origin: "http://localhost:3000", "access-control-request-method": "POST" },
});
const answer = await fetch(`${session.url}/process`, {
  headers: { "X-Blaxel-Preview-Token": session.token, origin: "http://localhost:3000" },
});
const corsOf = ({ status, headers }) => ({
  status,
  origin: headers.get("access-control-allow-origin"),
  credentials: headers.get("access-control-allow-credentials"),
});
seen.cors = { preflight: corsOf(cors), answer: corsOf(answer) };
seen.withoutToken = (await fetch(`${session.url}/process`)).status;

process.env.BL_API_KEY = credentials.key;
await owner.sessions.delete(session.name);
seen.listAfterDelete = (await owner.sessions.list()).length;
seen.guestAfterDelete = (
  await fetch(`${session.url}/process`, { headers: { "X-Blaxel-Preview-Token": session.token } })
).status;
const renewed = await owner.sessions.createIfExpired({ expiresAt: new Date(Date.now() + 1000) }, 60_000);
seen.replaced = (await owner.sessions.createIfExpired({ expiresAt }, 60_000)).name !== renewed.name;

await owner.delete();
report(seen);
