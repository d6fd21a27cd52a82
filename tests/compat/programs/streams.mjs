import { SandboxInstance } from "@blaxel/core";
import { report, until } from "./report.mjs";

const seen = {};
const sandbox = await SandboxInstance.create({ name: "streams", memory: 512 });
const { process: processes } = sandbox;

/** Callbacks that note what arrives, and when the first of it does. */
function listen() {
  const heard = { log: [], stdout: [], stderr: [] };
  const callbacks = {
    onLog: (line) => heard.log.push(line),
    onStdout: (line) => heard.stdout.push(line),
    onStderr: (line) => heard.stderr.push(line),
  };
  return { heard, callbacks };
}

const waited = listen();
let firstLineCameEarly = false;
const command = "echo one; echo two >&2; while [ ! -e /tmp/go ]; do sleep 0.02; done; echo three";
const running = processes.exec({ name: "waited", command, waitForCompletion: true, ...waited.callbacks });
await until(() => waited.heard.log.length >= 2);
firstLineCameEarly = true;
await sandbox.fs.write("/tmp/go", "");
const result = await running;
seen.waited = { ...waited.heard, exitCode: result.exitCode, status: result.status, firstLineCameEarly };

const followed = listen();
const LINES = 'for i in 1 2 3 4 5; do echo "line $i"; sleep 0.05; done';
const started = await processes.exec({ name: "followed", command: LINES, ...followed.callbacks });
await processes.wait("followed", { interval: 50 });
await until(() => followed.heard.stdout.length >= 5);
seen.followed = { name: started.name, ...followed.heard };

const replayed = listen();
const stream = processes.streamLogs("followed", replayed.callbacks);
await until(() => replayed.heard.stdout.length >= 5);
stream.close();
seen.replayed = replayed.heard.stdout;

const closed = listen();
await processes.exec({ name: "endless", command: "i=0; while true; do i=$((i+1)); echo $i; sleep 0.02; done" });
const endless = processes.streamLogs("endless", closed.callbacks);
await until(() => closed.heard.stdout.length >= 5);
endless.close();
const countAtClose = closed.heard.stdout.length;
await new Promise((resolve) => setTimeout(resolve, 200));
seen.closed = { stopped: closed.heard.stdout.length - countAtClose <= 1, first: closed.heard.stdout.slice(0, 3) };
seen.survivesItsClient = (await processes.get("endless")).status;

const many = listen();
await processes.exec({ command: "seq 1 20000", waitForCompletion: true, ...many.callbacks });
const numbers = many.heard.stdout.join("").split("\n");
seen.many = { count: numbers.length - 1, inOrder: numbers.slice(0, -1).every((line, at) => line === String(at + 1)) };

await sandbox.delete();
report(seen);
