import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openSocket, startTestAgent, until } from "../testing/agent.ts";
import { inotifyUse, openWatch, type WatchClient, watchFolder } from "./testing/watch-client.ts";

const sees = (shown: string) => (client: WatchClient) => client.shown.includes(shown);
/** The directory above the watched one is watched for its end. */
const GUARD = 1;

test("all watches share one inotify instance, each directory has one watch, and the last client takes all with it", async () => {
  await using agent = startTestAgent();
  for (const path of ["a/b", "a/c", "d"]) mkdirSync(join(agent.folder, path), { recursive: true });
  const whole = await watchFolder(agent, "/**");
  const part = await watchFolder(agent, "/a/**");
  const alike = await watchFolder(agent, "/**");
  expect(inotifyUse()).toEqual({ instances: 1, watches: 5 + GUARD });
  whole.socket.destroy();
  alike.socket.destroy();
  // Left are a, b, c, and the folder for the end of a.
  await until(() => inotifyUse().watches === 4);
  writeFileSync(join(agent.folder, "a/b/f"), "");
  await part.until(sees(`CREATE ${agent.folder}/a/b/f`));
  part.socket.destroy();
  await until(() => inotifyUse().instances === 0);
});

test("directories that are removed or moved away are no longer watched", async () => {
  await using agent = startTestAgent();
  for (const path of ["tree/a/b", "tree/c/d"]) mkdirSync(join(agent.folder, path), { recursive: true });
  using watch = await watchFolder(agent, "/tree/**");
  expect(inotifyUse().watches).toBe(5 + GUARD);
  await agent.exec({ command: "rm -r tree/a; mv tree/c .; mkdir tree/end", waitForCompletion: true });
  await watch.until(sees(`CREATE ${agent.folder}/tree/end`));
  await until(() => inotifyUse().watches === 2 + GUARD);
});

test("a client that leaves while its tree is still being set up leaves nothing behind", async () => {
  await using agent = startTestAgent();
  for (let number = 0; number < 300; number += 1) mkdirSync(join(agent.folder, `d${number}`));
  const socket = await openSocket(agent.api.port);
  socket.write(`GET /watch/filesystem/${agent.folder}/** HTTP/1.1\r\nHost: agent\r\n\r\n`);
  await until(() => inotifyUse().instances === 1);
  socket.destroy();
  await until(() => inotifyUse().instances === 0);
});

test("an agent that closes ends its watches", async () => {
  await using agent = startTestAgent();
  using watch = await watchFolder(agent, "/**");
  await agent.api.close(0);
  await watch.ended;
  await until(() => inotifyUse().instances === 0);
});

test("a client that never reads costs a bounded amount of memory, and is told at the end that it was too slow", async () => {
  await using agent = startTestAgent();
  const folder = join(agent.folder, "d".repeat(250), "d".repeat(250), "d".repeat(250));
  mkdirSync(folder, { recursive: true });
  using slow = await watchFolder(agent, "/**");
  slow.socket.pause();
  // Two files in turn: the kernel keeps one of events that repeat each other.
  const script = `
    const { chmodSync, writeFileSync } = require("node:fs");
    for (const name of ["a", "b"]) writeFileSync(name, "");
    for (let number = 0; number < 60000; number += 1) {
      chmodSync(number % 2 === 0 ? "a" : "b", 0o600);
      if (number % 2000 === 0) Bun.sleepSync(5);
    }`;
  const writer = Bun.spawn([process.execPath, "-e", script], { cwd: folder });
  expect(await writer.exited).toBe(0);
  await until(() => inotifyUse().instances === 0);
  slow.socket.resume();
  await slow.ended;
  expect(slow.events.at(-1)).toEqual({
    op: "",
    name: "",
    path: agent.folder,
    error: `cannot watch '${agent.folder}': the client reads too slowly`,
  });
});

test("where no more directories can be watched, that is a 422 before the stream and an error line that ends it later", async () => {
  const setLimit = "echo 6 > /proc/sys/user/max_inotify_watches";
  const program = join(import.meta.dir, "testing/limited-agent.ts");
  const command = [
    "unshare",
    "--user",
    "--map-root-user",
    "sh",
    "-c",
    `${setLimit}; exec "$0" "$1"`,
    process.execPath,
    program,
  ];
  const limited = Bun.spawn(command, { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  try {
    const { value } = await limited.stdout.getReader().read();
    const { port, folder } = JSON.parse(new TextDecoder().decode(value)) as { port: number; folder: string };
    const reason = "the limit of watched directories is reached (fs.inotify.max_user_watches)";
    using watch = await openWatch(port, `${folder}/**`);
    mkdirSync(join(folder, "a/b/c/d/e/f"), { recursive: true });
    await watch.ended;
    const last = watch.events.at(-1);
    expect(last).toEqual({ op: "", name: "", path: folder, error: `cannot watch '${folder}': ${reason}` });
    const refused = await fetch(`http://127.0.0.1:${port}/watch/filesystem/${folder}/**`);
    expect([refused.status, await refused.json()]).toEqual([422, { error: `cannot watch '${folder}': ${reason}` }]);
    // What the others had is given back soon.
    await until(async () => {
      using single = await openWatch(port, `${folder}/a`);
      return single.head.startsWith("HTTP/1.1 200");
    });
  } finally {
    await limited.stdin.end();
    await limited.exited;
  }
});
