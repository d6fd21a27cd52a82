import { afterAll, beforeEach, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { startMcpAgent } from "../testing/clients.ts";

const mcp = await startMcpAgent();
afterAll(() => mcp[Symbol.asyncDispose]());

const at = (name: string) => join(mcp.agent.folder, name);
const modeOf = (name: string) => (statSync(at(name)).mode & 0o7777).toString(8);

beforeEach(() => {
  rmSync(mcp.agent.folder, { recursive: true });
  mkdirSync(mcp.agent.folder);
});

test("relative paths start from the working directory, others from the root, and ~ is a name", async () => {
  await mcp.call("fsWriteFile", { path: "a/b.txt", content: "relative" });
  await mcp.call("fsWriteFile", { path: at("c.txt"), content: "absolute" });
  await mcp.call("fsWriteFile", { path: "~/d.txt", content: "tilde" });
  expect(readFileSync(at("a/b.txt"), "utf8")).toBe("relative");
  expect(readFileSync(at("c.txt"), "utf8")).toBe("absolute");
  expect(readFileSync(at("~/d.txt"), "utf8")).toBe("tilde");
});

test("fsReadFile gives the text and what the file is", async () => {
  writeFileSync(at("x.txt"), "grüße\n", { mode: 0o640 });
  const { output } = await mcp.call("fsReadFile", { path: "x.txt" });
  expect(output).toMatchObject({ path: "x.txt", name: "x.txt", permissions: "640", size: 8, content: "grüße\n" });
  expect(output["lastModified"]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  expect(output).toMatchObject({ owner: "root", group: "root" });
});

test("fsReadFile reads files of /proc, which tell no size", async () => {
  expect(String((await mcp.call("fsReadFile", { path: "/proc/self/status" })).output["content"])).toContain("Pid:");
});

test("fsReadFile says what to do with a file that is too large, binary or none", async () => {
  writeFileSync(at("big"), "");
  truncateSync(at("big"), 11 * 1024 * 1024);
  writeFileSync(at("blob"), Buffer.alloc(300 * 1024));
  const refusals = { big: "codegenReadFileRange", blob: "is binary", ".": "is a directory", none: "no such file" };
  for (const [path, text] of Object.entries(refusals)) {
    const read = await mcp.call("fsReadFile", { path });
    expect(read.isError).toBe(true);
    expect(read.text).toStartWith("failed to read file: ");
    expect(read.text).toContain(text);
  }
});

test("fsWriteFile makes files 0644 and directories 0755, or as asked (D-16)", async () => {
  const written = await mcp.call("fsWriteFile", { path: "f", content: "x" });
  expect(written.output).toEqual({ path: "f", message: "File created/updated successfully" });
  await mcp.call("fsWriteFile", { path: "script", content: "x", permissions: "0755" });
  const made = await mcp.call("fsWriteFile", { path: "d", isDirectory: true });
  expect(made.output).toEqual({ path: "d", message: "Directory created successfully" });
  expect([modeOf("f"), modeOf("script"), modeOf("d")]).toEqual(["644", "755", "755"]);
});

test("permissions that are none are an error, and nothing is written (D-16)", async () => {
  const { isError, text } = await mcp.call("fsWriteFile", { path: "f", content: "x", permissions: "rw-r--r--" });
  expect({ isError, text }).toEqual({ isError: true, text: expect.stringContaining("rw-r--r--") });
  expect(existsSync(at("f"))).toBe(false);
});

test("fsListDirectory and codegenListDir show one level", async () => {
  writeFileSync(at("f"), "x");
  mkdirSync(at("d"));
  symlinkSync("nowhere", at("link"));
  const { output } = await mcp.call("fsListDirectory", { path: "." });
  const { files, subdirectories, path } = output["directory"] as Record<string, { name: string }[]>;
  expect(path as unknown).toBe(mcp.agent.folder);
  expect(files?.map(({ name }) => name)).toEqual(["f", "link"]);
  expect(subdirectories).toEqual([{ name: "d", path: at("d") } as never]);
  const same = await mcp.call("codegenListDir", { relativeWorkspacePath: "." });
  expect(same.output).toEqual({ success: true, ...output });
  expect(await mcp.call("fsListDirectory", { path: "none" })).toMatchObject({
    isError: true,
    text: expect.stringContaining("failed to list directory: "),
  });
});

test("fsDeleteFileOrDirectory deletes either kind, and only the one that is named", async () => {
  writeFileSync(at("f"), "x");
  mkdirSync(at("d/e"), { recursive: true });
  const remove = (input: object) => mcp.call("fsDeleteFileOrDirectory", input as Record<string, unknown>);
  expect((await remove({ path: "f", isDirectory: true })).text).toContain("is not a directory");
  expect((await remove({ path: "d", isDirectory: false })).text).toContain("is a directory");
  expect((await remove({ path: "d" })).isError).toBe(true);
  expect((await remove({ path: "none" })).text).toBe("failed to delete: file or directory not found");
  expect((await remove({ path: "f" })).output).toEqual({ path: "f", message: "File deleted successfully" });
  expect((await remove({ path: "d", recursive: true })).output).toEqual({
    path: "d",
    message: "Directory deleted successfully",
  });
  expect(existsSync(at("d"))).toBe(false);
});

const edit = (input: object) => mcp.call("fsEditFile", { path: "e.txt", ...input });

test("fsEditFile replaces one occurrence and keeps the mode (R-22)", async () => {
  writeFileSync(at("e.txt"), "hello world\nfoo bar\n");
  chmodSync(at("e.txt"), 0o750);
  const { output } = await edit({ oldString: "foo bar", newString: "foo BAZ" });
  expect(output).toEqual({ path: "e.txt", occurrencesReplaced: 1 });
  expect(readFileSync(at("e.txt"), "utf8")).toBe("hello world\nfoo BAZ\n");
  expect(modeOf("e.txt")).toBe("750");
});

test("fsEditFile replaces all occurrences when asked, and deletes with an empty text (R-22)", async () => {
  writeFileSync(at("e.txt"), "x = 1\nx = 1\nx = 1\n");
  expect((await edit({ oldString: "x = 1\n", newString: "", replaceAll: true })).output["occurrencesReplaced"]).toBe(3);
  expect(readFileSync(at("e.txt"), "utf8")).toBe("");
});

test("fsEditFile refuses in words, and leaves the file as it is (R-22)", async () => {
  writeFileSync(at("e.txt"), "x = 1\nx = 1\nx = 1\n");
  const refusals: [input: object, text: string][] = [
    [{ oldString: "", newString: "a" }, "must not be empty"],
    [{ oldString: "x", newString: "x" }, "identical"],
    [{ oldString: "delta", newString: "a" }, "not found in e.txt. Re-read"],
    [{ oldString: "x = 1", newString: "x = 2" }, "matches 3 places"],
  ];
  for (const [input, text] of refusals) {
    expect(await edit(input)).toMatchObject({ isError: true, text: expect.stringContaining(text) });
  }
  expect((await edit({ path: "none", oldString: "a", newString: "b" })).text).toContain("no such file");
  expect(readFileSync(at("e.txt"), "utf8")).toBe("x = 1\nx = 1\nx = 1\n");
});

test("fsEditFile leaves bytes that are no text as they are", async () => {
  writeFileSync(at("e.txt"), Buffer.from([0xff, 0x00, 0x61, 0xfe]));
  await edit({ oldString: "a", newString: "ü" });
  expect([...readFileSync(at("e.txt"))]).toEqual([0xff, 0x00, 0xc3, 0xbc, 0xfe]);
});

test("parallel edits of one file do not undo each other", async () => {
  const words = Array.from({ length: 20 }, (_, index) => `word${index};`);
  writeFileSync(at("e.txt"), words.join(""));
  await Promise.all(words.map((word) => edit({ oldString: word, newString: word.toUpperCase() })));
  expect(readFileSync(at("e.txt"), "utf8")).toBe(words.join("").toUpperCase());
});
