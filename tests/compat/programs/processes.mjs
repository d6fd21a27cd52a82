import { SandboxInstance } from "@blaxel/core";
import { caught, report } from "./report.mjs";

const seen = {};
const sandbox = await SandboxInstance.create({ name: "processes", memory: 512 });
const { process: processes } = sandbox;

seen.completed = await processes.exec({ name: "hello", command: "echo out; echo err >&2", waitForCompletion: true });
const failed = await processes.exec({ command: "exit 7", waitForCompletion: true });
seen.failed = { exitCode: failed.exitCode, status: failed.status };
seen.named = (await processes.exec({ command: "true", waitForCompletion: true })).name.startsWith("proc-");
seen.env = (
  await processes.exec({ command: 'echo "$A-$B"', env: { A: "1", B: "two words" }, waitForCompletion: true })
).logs;
seen.workingDir = (await processes.exec({ command: "pwd", workingDir: "/tmp", waitForCompletion: true })).logs;
seen.noSuchDir = await caught(processes.exec({ command: "pwd", workingDir: "/no/such", waitForCompletion: true }));

const plain = await processes.exec({ name: "plain", command: "sleep 0.3; echo late" });
seen.plain = { status: plain.status, pid: /^\d+$/.test(plain.pid) };
const waited = await processes.wait("plain", { interval: 50 });
seen.waited = { status: waited.status, exitCode: waited.exitCode };
seen.waitTooLong = await caught(
  processes
    .exec({ name: "long", command: "sleep 60" })
    .then(() => processes.wait("long", { maxWait: 100, interval: 20 })),
);

const SERVER = `node -e 'setTimeout(() => require("http").createServer((q, r) => r.end("served")).listen(3000, "0.0.0.0"), 300)'`;
const server = await processes.exec({ name: "server", command: SERVER, waitForPorts: [3000], timeout: 20 });
seen.waitForPorts = { status: server.status, answer: await (await sandbox.fetch(3000, "/")).text() };
seen.sameName = (await caught(processes.exec({ name: "server", command: "true" }))).status;

const list = await processes.list();
seen.list = list
  .filter(({ status }) => status === "running")
  .map(({ name, status, pid }) => ({ name, status, pid: typeof pid }));
seen.byName = (await processes.get("server")).pid === server.pid;
seen.byPid = (await processes.get(server.pid)).name;
seen.missing = (await caught(processes.get("nobody"))).status;

seen.logs = {
  all: await processes.logs("hello"),
  stdout: await processes.logs("hello", "stdout"),
  stderr: await processes.logs("hello", "stderr"),
};

await processes.exec({
  name: "polite",
  command: "trap 'echo bye; exit 0' TERM; echo ready; while true; do sleep 0.05; done",
});
while ((await processes.logs("polite", "stdout")) !== "ready\n")
  await new Promise((resolve) => setTimeout(resolve, 20));
seen.stop = typeof (await processes.stop((await processes.get("polite")).pid)).message;
// It is called stopped from when it was told to, and may still say something.
while (!(await processes.logs("polite", "stdout")).endsWith("bye\n"))
  await new Promise((resolve) => setTimeout(resolve, 20));
seen.stopped = {
  status: (await processes.wait("polite", { interval: 20 })).status,
  logs: await processes.logs("polite", "stdout"),
};
await processes.exec({ name: "plain-stop", command: "sleep 60" });
seen.stopByName = (await processes.stop("plain-stop")) && (await processes.wait("plain-stop", { interval: 20 })).status;
seen.kill = typeof (await processes.kill(server.pid)).message;
seen.killed = (await processes.wait("server", { interval: 20 })).status;
seen.killByName = (await processes.kill("long")) && (await processes.wait("long", { interval: 20 })).status;

const marker = "test -e /tmp/third && exit 0; test -e /tmp/second && touch /tmp/third; touch /tmp/second; exit 1";
await processes.exec({ name: "stubborn", command: marker, restartOnFailure: true, maxRestarts: 25 });
const stubborn = await processes.wait("stubborn", { interval: 50 });
seen.restarted = { status: stubborn.status, restartCount: stubborn.restartCount, maxRestarts: stubborn.maxRestarts };

await sandbox.delete();
report(seen);
