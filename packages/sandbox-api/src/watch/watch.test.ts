import { expect, test } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { getRaw, startTestAgent, type TestAgent } from "../testing/agent.ts";
import { openWatch, type WatchClient, watchFolder } from "./testing/watch-client.ts";

const run = (agent: TestAgent, command: string) => agent.exec({ command, waitForCompletion: true });
const sees = (shown: string) => (client: WatchClient) => client.shown.includes(shown);

test("D-17, R-49, R-55: headers that forbid holding back and a keepalive arrive before anything has happened", async () => {
  await using agent = startTestAgent();
  using watch = await watchFolder(agent);
  expect(watch.head).toStartWith("HTTP/1.1 200 OK\r\n");
  expect(watch.head).toContain("Content-Type: text/plain; charset=utf-8");
  expect(watch.head).toContain("X-Accel-Buffering: no");
  await watch.until(({ lines }) => lines.length > 0);
  expect(watch.lines).toEqual(["[keepalive]"]);
});

test("each operation is a line with name and directory, a rename two of them", async () => {
  await using agent = startTestAgent();
  using watch = await watchFolder(agent);
  await run(agent, "printf x > a; chmod 600 a; printf y >> a; mv a b; rm b; mkdir d; rmdir d");
  await watch.until(sees(`REMOVE ${agent.folder}/d`));
  const event = (op: string, name: string) => ({ op, name, path: agent.folder, error: null });
  expect(watch.events).toEqual([
    event("CREATE", "a"),
    event("WRITE", "a"),
    event("CHMOD", "a"),
    event("WRITE", "a"),
    event("RENAME", "a"),
    event("CREATE", "b"),
    event("REMOVE", "b"),
    event("CREATE", "d"),
    event("REMOVE", "d"),
  ]);
  expect(watch.lines[1]).toBe(`{"op":"CREATE","name":"a","path":"${agent.folder}","error":null}`);
});

test("without /** only the directory itself is watched", async () => {
  await using agent = startTestAgent();
  mkdirSync(join(agent.folder, "sub"));
  using watch = await watchFolder(agent);
  await run(agent, "echo x > sub/inner; mkdir new; echo x > new/inner; echo x > outer");
  await watch.until(sees(`WRITE ${agent.folder}/outer`));
  expect(watch.shown.filter((shown) => shown.includes("inner"))).toEqual([]);
});

test("every spelling of a path that files have, watching has", async () => {
  await using agent = startTestAgent();
  mkdirSync(join(agent.folder, "a b"));
  const encoded = encodeURIComponent(`${agent.folder}/a b`);
  const targets = ["a%20b", "a%20b/**", encoded, `${encoded}%2F**`, `${encoded}/**`, `/${agent.folder}/a%20b/**`, "**"];
  for (const [index, target] of targets.entries()) {
    using watch = await openWatch(agent.api.port, target);
    writeFileSync(join(agent.folder, "a b", `f${index}`), "");
    await watch.until(sees(`CREATE ${agent.folder}/a b/f${index}`));
  }
});

test("the root directory can be watched, and what is in it shows one slash", async () => {
  await using agent = startTestAgent();
  using watch = await openWatch(agent.api.port, "%2F");
  const name = `dormouse-watch-test-${process.pid}`;
  await run(agent, `touch /${name}; rm /${name}`);
  await watch.until(({ events }) => events.some((event) => event.op === "REMOVE" && event.name === name));
  expect(watch.events.find((event) => event.name === name)?.path).toBe("/");
});

test("what is no directory, or not there, is a 400", async () => {
  await using agent = startTestAgent();
  writeFileSync(join(agent.folder, "file"), "");
  for (const path of ["file", "file/**", "missing", "file/below", "missing/**"]) {
    const { status, body } = await getRaw(agent, `/watch/filesystem/${path}`);
    expect([path, status, body]).toEqual([path, 400, '{"error":"path is not a directory"}']);
  }
});

test("a path that holds an ignored text is not reported, one whose directory does is not looked into", async () => {
  await using agent = startTestAgent();
  mkdirSync(join(agent.folder, "node_modules"));
  using watch = await watchFolder(agent, "/**?ignore=node_modules/,.tmp,,");
  await run(agent, "mkdir -p node_modules/p src/node_modules; touch node_modules/f src/node_modules/f a.tmp src/kept");
  await watch.until(sees(`CREATE ${agent.folder}/src/kept`));
  await run(agent, "touch src/node_modules/g last");
  await watch.until(sees(`CREATE ${agent.folder}/last`));
  expect(new Set(watch.events.map(({ path, name }) => join(path, name).slice(agent.folder.length)))).toEqual(
    new Set(["/src", "/src/node_modules", "/src/kept", "/last"]),
  );
});

test("a link to a directory is watched when it is asked for, and shown as it was; links further down are not followed", async () => {
  await using agent = startTestAgent();
  mkdirSync(join(agent.folder, "real"));
  mkdirSync(join(agent.folder, "outside"));
  symlinkSync("real", join(agent.folder, "link"));
  symlinkSync("../outside", join(agent.folder, "real/inner"));
  using watch = await watchFolder(agent, "/link/**");
  await run(
    agent,
    "touch outside/unseen real/inner/unseen; ln -s ../outside real/more; touch real/more/unseen real/seen",
  );
  await watch.until(sees(`CREATE ${agent.folder}/link/seen`));
  expect(watch.shown.filter((shown) => shown.includes("unseen"))).toEqual([]);
});
