import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { readIgnoreRules } from "./ignore.ts";
import { listProjectFiles } from "./project-files.ts";
import { packZip } from "./zip.ts";

let outer: string;
let root: string;

beforeEach(() => {
  outer = mkdtempSync(join(tmpdir(), "dormouse-project-"));
  root = join(outer, "project");
  mkdirSync(root);
});
afterEach(() => rmSync(outer, { recursive: true, force: true }));

function write(files: Readonly<Record<string, string>>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), content);
  }
}

const namesOf = (folder: string): string[] =>
  listProjectFiles(folder, readIgnoreRules(folder)).entries.map(({ name }) => name);

test("without an ignore file the built-in list goes, each entry a beginning at the root and a whole name below", () => {
  write({
    Dockerfile: "",
    ".dockerignore": "",
    ".env": "",
    ".env.local": "",
    ".env.build": "",
    ".gitignore": "",
    "dist-x/a": "",
    "node_modules/m/index.js": "",
    "src/node_modules/m/index.js": "",
    "src/.env": "",
    "src/.env.local": "",
    "src/distance.ts": "",
  });
  expect(namesOf(root)).toEqual(["Dockerfile", "src/", "src/.env.local", "src/distance.ts"]);
});

test("an ignore file replaces the list, except for build arguments, and patterns in it are warned of", () => {
  write({
    ".blaxelignore": "# ours\ntmp\nsrc/secret # inline\n*.log\n",
    ".env.build": "",
    ".env": "",
    "src/secret/a": "",
    "tmp/a": "",
    "a.log": "",
  });
  expect(namesOf(root)).toEqual([".blaxelignore", ".env", "a.log", "src/"]);
  expect(readIgnoreRules(root).warnings).toEqual([expect.stringContaining('"*.log" in .blaxelignore')]);
});

test("links are followed inside the project, and neither out of it, nor around in circles, nor to nothing", () => {
  write({ "shared/config.json": "{}", "app/main.ts": "" });
  writeFileSync(join(outer, "private"), "x");
  symlinkSync("../shared", join(root, "app/shared"));
  symlinkSync("../shared/config.json", join(root, "app/config.json"));
  symlinkSync("..", join(root, "app/up"));
  symlinkSync("../../private", join(root, "app/private"));
  symlinkSync("nowhere", join(root, "app/dangling"));
  const { entries, skippedLinks } = listProjectFiles(root, readIgnoreRules(root));
  expect(entries.map(({ name }) => name)).toEqual([
    "app/",
    "app/config.json",
    "app/main.ts",
    "app/shared/",
    "app/shared/config.json",
    "shared/",
    "shared/config.json",
  ]);
  expect(skippedLinks).toEqual(["app/dangling", "app/private", "app/up"]);
});

test("the archive has files with their content, folders, permissions and what is put in, and goes away", async () => {
  write({ "src/main.sh": "#!/bin/sh\n", empty: "" });
  const { entries } = listProjectFiles(root, readIgnoreRules(root));
  const buildArguments = { kind: "content", name: ".env.build", content: Buffer.from("A=1\n"), mode: 0o600 } as const;
  let path: string;
  {
    await using archive = await packZip([...entries, buildArguments]);
    path = archive.path;
    const unpacked = join(outer, "unpacked");
    expect(Bun.spawnSync(["unzip", "-q", path, "-d", unpacked]).exitCode).toBe(0);
    expect(namesOf(unpacked)).toEqual(["empty", "src/", "src/main.sh"]);
    expect(await Bun.file(join(unpacked, ".env.build")).text()).toBe("A=1\n");
    expect(archive.sizeBytes).toBe(Bun.file(path).size);
  }
  expect(existsSync(dirname(path))).toBe(false);
});

test("a file that vanished meanwhile fails the archive and leaves nothing behind", async () => {
  const gone = { kind: "file", name: "gone", path: join(root, "gone"), sizeBytes: 1 } as const;
  expect(packZip([gone])).rejects.toThrow("ENOENT");
});
