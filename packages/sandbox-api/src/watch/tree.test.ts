import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startTestAgent, type TestAgent, until } from "../testing/agent.ts";
import { Inotify } from "./inotify.ts";
import { type WatchClient, watchFolder } from "./testing/watch-client.ts";
import { TreeWatcher } from "./tree-watcher.ts";

const run = (agent: TestAgent, command: string) => agent.exec({ command, waitForCompletion: true });
const sees = (shown: string) => (client: WatchClient) => client.shown.includes(shown);
const inFolder = (agent: TestAgent, watch: WatchClient) =>
  watch.shown.map((shown) => shown.replace(`${agent.folder}/`, ""));

/** What a package manager does: directories with ten files each, nested, every fifth written under another name first. */
const BURST = `
const { mkdirSync, renameSync, writeFileSync } = require("node:fs");
for (let number = 0; number < 300; number += 1) {
  const name = "modules/" + (number % 3 === 0 ? "scope/" : "") + "p" + number;
  const staged = number % 5 === 0 ? "modules/.staged-" + number : name;
  mkdirSync(staged + "/lib", { recursive: true });
  for (let index = 0; index < 10; index += 1) writeFileSync(staged + (index % 2 === 0 ? "/lib/f" : "/f") + index, "");
  mkdirSync("modules/scope", { recursive: true });
  if (staged !== name) renameSync(staged, name);
}
`;

function burstPaths(folder: string): Set<string> {
  const paths = new Set([`${folder}/modules`, `${folder}/modules/scope`]);
  for (let number = 0; number < 300; number += 1) {
    const top = `${folder}/modules/${number % 3 === 0 ? "scope/" : ""}p${number}`;
    paths.add(top).add(`${top}/lib`);
    for (let index = 0; index < 10; index += 1) paths.add(top + (index % 2 === 0 ? "/lib/f" : "/f") + index);
  }
  return paths;
}

test("R-40: of thousands of files in directories made as fast as a process can, every path is reported", async () => {
  await using agent = startTestAgent();
  using watch = await watchFolder(agent, "/**");
  writeFileSync(join(agent.folder, "burst.cjs"), BURST);
  await run(agent, `'${process.execPath}' burst.cjs`);
  const missing = () => {
    const created = watch.events.filter(({ op }) => op === "CREATE").map(({ path, name }) => `${path}/${name}`);
    return [...burstPaths(agent.folder).difference(new Set(created))];
  };
  await until(() => missing().length === 0);
});

test("what happens in a directory made a moment ago is reported as in any other", async () => {
  await using agent = startTestAgent();
  using watch = await watchFolder(agent, "/**");
  await run(agent, "mkdir -p a/b/c");
  await watch.until(sees(`CREATE ${agent.folder}/a/b/c`));
  await run(agent, "echo x > a/b/c/f; rm -r a");
  await watch.until(sees(`REMOVE ${agent.folder}/a`));
  const removals = inFolder(agent, watch).filter((shown) => shown.startsWith("REMOVE"));
  expect(removals).toEqual(["REMOVE a/b/c/f", "REMOVE a/b/c", "REMOVE a/b", "REMOVE a"]);
});

test("a directory renamed inside the tree goes on under its new path, with all that is in it", async () => {
  await using agent = startTestAgent();
  mkdirSync(join(agent.folder, "a/b"), { recursive: true });
  writeFileSync(join(agent.folder, "a/b/f"), "");
  using watch = await watchFolder(agent, "/**");
  await run(agent, "mv a c");
  await watch.until(sees(`CREATE ${agent.folder}/c/b/f`));
  expect(inFolder(agent, watch)).toEqual(["RENAME a", "CREATE c", "CREATE c/b", "CREATE c/b/f"]);
  await run(agent, "echo x >> c/b/f; mkdir a; echo x > a/g; rm c/b/f");
  await watch.until(sees(`REMOVE ${agent.folder}/c/b/f`));
  await watch.until(sees(`CREATE ${agent.folder}/a/g`));
  expect(watch.shown).toContain(`WRITE ${agent.folder}/c/b/f`);
});

test("a directory moved out of the tree is silent from then on, one moved in is reported with all that is in it", async () => {
  await using agent = startTestAgent();
  mkdirSync(join(agent.folder, "tree/a/b"), { recursive: true });
  writeFileSync(join(agent.folder, "tree/a/b/f"), "");
  using watch = await watchFolder(agent, "/tree/**");
  await run(agent, "mv tree/a a; echo x > a/b/f; echo x > a/b/unseen; rm a/b/unseen; mkdir tree/mark");
  await watch.until(sees(`CREATE ${agent.folder}/tree/mark`));
  expect(inFolder(agent, watch)).toEqual(["RENAME tree/a", "CREATE tree/mark"]);
  await run(agent, "mv a tree/again");
  await watch.until(sees(`CREATE ${agent.folder}/tree/again/b/f`));
  await run(agent, "echo x > tree/again/b/f");
  await watch.until(sees(`WRITE ${agent.folder}/tree/again/b/f`));
});

test("directories whose names are no UTF-8 are watched like others", async () => {
  await using agent = startTestAgent();
  mkdirSync(join(agent.folder, "é"));
  using watch = await watchFolder(agent, "/**");
  const make = (command: string) => run(agent, `name=$(printf 'b\\377d'); ${command}`);
  await make('mkdir -p "é/$name/sub"');
  await watch.until(sees(`CREATE ${agent.folder}/é/b\ufffdd/sub`));
  await make('touch "é/$name/sub/f"');
  await watch.until(sees(`CREATE ${agent.folder}/é/b\ufffdd/sub/f`));
});

test.each([
  ["removed", "rm -r tree", "REMOVE"],
  ["removed while a process is in it", "cd tree; rm -r ../tree; echo waiting; sleep 60", "REMOVE"],
  ["renamed", "mv tree other", "RENAME"],
])("D-17: when the watched directory is %s, the stream says so and ends", async (_, command, operation) => {
  await using agent = startTestAgent();
  mkdirSync(join(agent.folder, "tree/sub"), { recursive: true });
  using recursive = await watchFolder(agent, "/tree/**");
  using single = await watchFolder(agent, "/tree");
  await agent.exec({ command });
  await Promise.all([recursive.ended, single.ended]);
  for (const { events } of [recursive, single]) {
    expect(events.at(-1)).toEqual({ op: operation, name: "tree", path: agent.folder, error: null });
  }
});

test("more changes than the kernel holds are told as such, and what is there then is reported", async () => {
  await using agent = startTestAgent();
  mkdirSync(join(agent.folder, "gone/sub"), { recursive: true });
  mkdirSync(join(agent.folder, "old/sub"), { recursive: true });
  using watch = await watchFolder(agent, "/**");
  const script = `
    const { chmodSync, mkdirSync, rmSync, writeFileSync } = require("node:fs");
    for (const name of ["a", "b"]) writeFileSync(name, "");
    for (let number = 0; number < 20000; number += 1) chmodSync(number % 2 === 0 ? "a" : "b", 0o600);
    mkdirSync("new/deep", { recursive: true });
    for (const path of ["new/deep/f", "old/sub/f"]) writeFileSync(path, "x");
    rmSync("gone", { recursive: true });`;
  // Nothing is read meanwhile: this very process waits. Two files in turn, as the kernel keeps one of events that repeat each other.
  expect(Bun.spawnSync([process.execPath, "-e", script], { cwd: agent.folder }).exitCode).toBe(0);
  await watch.until(sees(`CREATE ${agent.folder}/new/deep/f`));
  await watch.until(sees(`CREATE ${agent.folder}/old/sub/f`));
  await watch.until(sees(`REMOVE ${agent.folder}/gone`));
  expect(watch.events.find(({ error }) => error !== null)).toEqual({
    op: "",
    name: "",
    path: agent.folder,
    error: "events were lost: changes came too fast; what has changed since is reported as CREATE",
  });
  await run(agent, "echo x > old/sub/g; echo x > new/deep/g");
  await watch.until(sees(`CREATE ${agent.folder}/old/sub/g`));
  await watch.until(sees(`CREATE ${agent.folder}/new/deep/g`));
});

test("what changes after the answer in a directory whose watch is yet to be set is reported, nothing older is", async () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "watch-test-")));
  mkdirSync(join(folder, "a/b"), { recursive: true });
  writeFileSync(join(folder, "a/b/old"), "");
  // Further back than the clock of a filesystem may be.
  await Bun.sleep(30);
  const watcher = new TreeWatcher(new Inotify(), { path: folder, isRecursive: true, ignored: [] });
  try {
    await watcher.start();
    watcher.markAnswered();
    writeFileSync(join(folder, "a/b/new"), "");
    await watcher.whenComplete();
    renameSync(join(folder, "a/b/new"), join(folder, "a/b/newer"));
    const lines: string[] = [];
    for await (const chunk of watcher.lines.take()) {
      lines.push(...chunk.trimEnd().split("\n"));
      if (lines.some((line) => line.includes('"newer"'))) break;
    }
    expect(lines.some((line) => line.startsWith('{"op":"CREATE","name":"new"'))).toBe(true);
    expect(lines.some((line) => line.startsWith('{"op":"RENAME","name":"new"'))).toBe(true);
  } finally {
    watcher.close();
    rmSync(folder, { recursive: true });
  }
});
