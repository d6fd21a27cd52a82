import { expect, test } from "bun:test";
import { AppError } from "@dormouse/kernel";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseMountInfo } from "./pseudo-mounts.ts";
import { walk, type WalkOptions } from "./walk.ts";

const signal = new AbortController().signal;

function temporaryFolder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), "walk-test-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

async function pathsOf(root: string, options: Partial<WalkOptions> = {}): Promise<string[]> {
  return (await Array.fromAsync(walk(root, { signal, ...options }))).map(({ path }) => path);
}

test("entries come in byte order, each directory before what it holds, and links are not followed", async () => {
  using folder = temporaryFolder();
  for (const name of ["a", "a/z", "B", "é", "￿", "😀"]) mkdirSync(join(folder.path, name));
  writeFileSync(join(folder.path, "a.txt"), "");
  symlinkSync(folder.path, join(folder.path, "a/loop"));
  expect(await pathsOf(folder.path)).toEqual(["B", "a", "a/loop", "a/z", "a.txt", "é", "￿", "😀"]);
});

test("a directory of any size comes in byte order too", async () => {
  using folder = temporaryFolder();
  // More than are sorted at once.
  for (let index = 0; index < 8_500; index++) writeFileSync(join(folder.path, `${(index * 7919) % 8_500}`), "");
  const paths = await pathsOf(folder.path);
  expect(paths.length).toBe(8_500);
  expect(paths.join("\n")).toBe(paths.toSorted().join("\n"));
}, 30_000);

test("a directory that vanishes before it is read counts as empty", async () => {
  using folder = temporaryFolder();
  for (const name of ["a", "b", "c"]) mkdirSync(join(folder.path, name, "inside"), { recursive: true });
  const paths: string[] = [];
  for await (const { path } of walk(folder.path, { signal })) {
    paths.push(path);
    if (path === "b") rmSync(join(folder.path, "b"), { recursive: true });
  }
  expect(paths).toEqual(["a", "a/inside", "b", "c", "c/inside"]);
});

test("a directory that cannot be read counts as empty (D-15)", async () => {
  using folder = temporaryFolder();
  // Deeper than a path may be long: not even root can open it by its path.
  const script = `i=0; while [ $i -lt 20 ]; do mkdir ${"d".repeat(250)}; cd ${"d".repeat(250)}; i=$((i+1)); done`;
  await Bun.$`sh -c ${script}`.cwd(folder.path).quiet();
  writeFileSync(join(folder.path, "e"), "");
  const paths = await pathsOf(folder.path);
  expect(paths.at(-1)).toBe("e");
  expect(paths.length).toBeLessThan(20);
});

test("the kernel's filesystems are left out below the root, but not when the root is one of them", async () => {
  const others = new Set((await topLevel()).filter((name) => !["proc", "sys"].includes(name)));
  const paths = await pathsOf("/", { excludedDirectories: others });
  expect(paths.filter((path) => /^(?:proc|sys)\//.test(path))).toEqual([]);
  expect(await pathsOf("/proc/self/task")).toContain(`${process.pid}/status`);
});

async function topLevel(): Promise<string[]> {
  const names: string[] = [];
  for await (const name of new Bun.Glob("*").scan({ cwd: "/", onlyFiles: false, dot: true })) names.push(name);
  return names;
}

test("mount points are read with their escapes", () => {
  const text = [
    "22 28 0:20 / /sys rw,nosuid - sysfs sysfs rw",
    "23 28 0:21 / /my\\040proc rw shared:5 master:1 - proc proc rw",
    "28 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw",
  ].join("\n");
  expect([...parseMountInfo(text)]).toEqual(["/sys", "/my proc"]);
});

test("an aborted signal ends the walk", async () => {
  using folder = temporaryFolder();
  for (const name of ["a", "b", "c"]) writeFileSync(join(folder.path, name), "");
  const stop = new AbortController();
  const paths: string[] = [];
  for await (const { path } of walk(folder.path, { signal: stop.signal })) {
    paths.push(path);
    stop.abort();
  }
  expect(paths).toEqual(["a"]);
});

test("a root that is not there is an error with its path", async () => {
  const walking = pathsOf("/nowhere/at/all");
  await expect(walking).rejects.toThrow(AppError);
  await expect(walking).rejects.toThrow("/nowhere/at/all: no such file or directory");
});
