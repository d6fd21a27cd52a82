import { expect, test } from "bun:test";
import type { Directory, FileWithContent } from "@dormouse/schema";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { getRaw, startTestAgent, type TestAgent } from "../testing/agent.ts";

const encoded = (path: string) => `/filesystem/${encodeURIComponent(path)}`;
const put = (agent: TestAgent, path: string, body: unknown) =>
  agent.request(path, { method: "PUT", body: JSON.stringify(body) });
const read = async (agent: TestAgent, path: string) =>
  (await (await agent.request(encoded(path))).json()) as FileWithContent;
const errorOf = async (response: Response) => ((await response.json()) as { error: string }).error;

test("paths: every spelling of the contract's table means what it says there", async () => {
  await using agent = startTestAgent({ WORKDIR: "/" });
  const folder = agent.folder;
  const home = folder.slice(1);
  mkdirSync(join(folder, "a b"));
  writeFileSync(join(folder, "a b/ü#?.txt"), "hit");
  const name = "a%20b/%C3%BC%23%3F.txt";
  const hits = [
    encoded(`${folder}/a b/ü#?.txt`),
    `/filesystem/${folder}/${name}`,
    `//filesystem/${folder}/${name}`,
    `/filesystem${folder.replaceAll("/", "%2F")}/${name}`,
    `/filesystem/${folder.replaceAll("/", "%2f")}/${name}`,
    `/filesystem/${home}/${name}`,
    `/filesystem/${home.replaceAll("/", "%2F")}/${name}`,
    `/filesystem/~/${name}`,
    `/filesystem/${folder}//a%20b///%C3%BC%23%3F.txt`,
  ];
  for (const target of hits) expect([target, await getRaw(agent, target)]).toMatchObject([target, { status: 200 }]);
  const misses = [`/filesystem/~%2F${name}`, `/filesystem/~x/${name}`, `/filesystem/nowhere%2f${name}`];
  for (const target of misses) expect([target, (await getRaw(agent, target)).status]).toEqual([target, 404]);
  expect((await getRaw(agent, "/filesystem/%zz")).status).toBe(400);
  expect((await getRaw(agent, "/filesystem/a%00b")).status).toBe(400);
});

test("a tree's path is absolute in every spelling", async () => {
  await using agent = startTestAgent();
  const { folder } = agent;
  const targets = [`/${folder}`, folder, folder.replaceAll("/", "%2F"), `/${folder.slice(1).replaceAll("/", "%2f")}`];
  for (const target of targets) {
    const { status, body } = await getRaw(agent, `/filesystem/tree${target}`);
    expect([target, status, (JSON.parse(body) as Directory).path]).toEqual([target, 200, folder]);
  }
  const root = await getRaw(agent, "/filesystem/tree/");
  expect(JSON.parse(root.body)).toMatchObject({ path: "/", name: "/" });
  expect((await getRaw(agent, "/filesystem/%2Ftmp/..")).status).toBe(200);
});

test("R-51: answers about files are not to be cached", async () => {
  await using agent = startTestAgent();
  await put(agent, "/filesystem/f", { content: "x" });
  for (const query of ["", "?download=true"]) {
    const { headers } = await agent.request(`/filesystem/f${query}`);
    expect(headers.get("cache-control")).toBe("no-cache, no-store, must-revalidate");
  }
});

test("relative paths start in WORKDIR, and a %2F anywhere makes them absolute", async () => {
  await using agent = startTestAgent();
  await put(agent, "/filesystem/src/foo.txt", { content: "relative" });
  expect(readFileSync(join(agent.folder, "src/foo.txt"), "utf8")).toBe("relative");
  expect((await getRaw(agent, "/filesystem/src%2Ffoo.txt")).status).toBe(404);
  const root = (await (await agent.request("/filesystem/")).json()) as Directory;
  expect(root).toMatchObject({ path: agent.folder, subdirectories: [{ path: `${agent.folder}/src`, name: "src" }] });
});

test("/filesystem/%2F lists the root directory", async () => {
  await using agent = startTestAgent();
  const root = (await (await agent.request("/filesystem/%2F")).json()) as Directory;
  expect(root.path).toBe("/");
  expect(root.subdirectories).toContainEqual({ path: "/etc", name: "etc" });
});

test("a file reads back as JSON with its details", async () => {
  await using agent = startTestAgent();
  const path = join(agent.folder, "deep/er/f.txt");
  const written = await put(agent, encoded(path), { content: "héllo" });
  expect(await written.json()).toEqual({ path, message: "File created/updated successfully" });
  const file = await read(agent, path);
  expect(file).toMatchObject({
    path,
    name: "",
    permissions: "644",
    size: 6,
    owner: "root",
    group: "root",
    content: "héllo",
  });
  expect(file.lastModified).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/);
  expect(statSync(join(agent.folder, "deep")).mode & 0o777).toBe(0o755);
});

test("a listing is one level, in byte order, with links as files and the type in the permissions", async () => {
  await using agent = startTestAgent();
  for (const name of ["b", "a", "Z", "é"]) writeFileSync(join(agent.folder, name), name);
  chmodSync(join(agent.folder, "a"), 0o4755);
  mkdirSync(join(agent.folder, "sub/inner"), { recursive: true });
  symlinkSync("sub", join(agent.folder, "link"));
  symlinkSync("nowhere", join(agent.folder, "dangling"));
  const listed = (await (await agent.request("/filesystem/")).json()) as Directory;
  const shown = listed.files.map(({ name, permissions }) => [name, permissions]);
  expect(shown).toEqual([
    ["Z", "644"],
    ["a", "40000755"],
    ["b", "644"],
    ["dangling", "1000000777"],
    ["link", "1000000777"],
    ["é", "644"],
  ]);
  expect(listed.subdirectories).toEqual([{ path: join(agent.folder, "sub"), name: "sub" }]);
  expect(listed.files[0]?.path).toBe(join(agent.folder, "Z"));
});

test("missing files are 404, a file used as a directory is 500, a device is 422", async () => {
  await using agent = startTestAgent();
  writeFileSync(join(agent.folder, "f"), "");
  const missing = await agent.request(encoded("/no/such"));
  expect([missing.status, await errorOf(missing)]).toEqual([404, "stat /no/such: no such file or directory"]);
  expect((await agent.request("/filesystem/f/x")).status).toBe(500);
  expect((await agent.request(encoded("/dev/zero"))).status).toBe(422);
});

test("R-45: Accept and download=true decide between JSON and bytes", async () => {
  await using agent = startTestAgent();
  writeFileSync(join(agent.folder, "f.txt"), "raw");
  const typeFor = async (accept: string, query = "") => {
    const response = await agent.request(`/filesystem/f.txt${query}`, { headers: { Accept: accept } });
    return response.headers.get("content-type");
  };
  expect(await typeFor("*/*")).toBe("application/json; charset=utf-8");
  expect(await typeFor("text/html, application/json")).toBe("application/json; charset=utf-8");
  expect(await typeFor("*/*", "?download=true")).toBe("text/plain");
  expect(await typeFor("application/octet-stream, */*")).toBe("text/plain");
  expect(await typeFor("text/plain")).toBe("text/plain");
});

test("raw bytes come with name, type, time and ranges", async () => {
  await using agent = startTestAgent();
  const content = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  writeFileSync(join(agent.folder, "ü.BIN"), content);
  const get = (headers: Record<string, string>) => agent.request("/filesystem/%C3%BC.BIN?download=true", { headers });
  const whole = await get({});
  expect(Buffer.from(await whole.arrayBuffer())).toEqual(content);
  expect(whole.headers.get("content-type")).toBe("application/octet-stream");
  expect(whole.headers.get("content-disposition")).toBe(`attachment; filename="_.BIN"; filename*=UTF-8''%C3%BC.BIN`);
  const ranges: [string, number, string | null, string][] = [
    ["bytes=0-3", 206, "bytes 0-3/256", "00010203"],
    ["bytes=254-", 206, "bytes 254-255/256", "feff"],
    ["bytes=-2", 206, "bytes 254-255/256", "feff"],
    ["bytes=250-9999", 206, "bytes 250-255/256", "fafbfcfdfeff"],
    ["bytes=256-", 416, "bytes */256", ""],
  ];
  for (const [range, status, contentRange, hex] of ranges) {
    const response = await get({ Range: range });
    const body = Buffer.from(await response.arrayBuffer()).toString("hex");
    expect([response.status, response.headers.get("content-range"), body]).toEqual([status, contentRange, hex]);
  }
  for (const range of ["bytes=0-1,4-5", "bytes=5-2", "lines=1-2"])
    expect((await get({ Range: range })).status).toBe(200);
  const since = whole.headers.get("last-modified") ?? "";
  expect((await get({ "If-Modified-Since": since })).status).toBe(304);
});

test("files without a size, as in /proc, are read all the same", async () => {
  await using agent = startTestAgent();
  expect((await read(agent, "/proc/self/status")).content).toContain("Pid:");
  const raw = await agent.request(`${encoded("/proc/self/status")}?download=true`);
  expect(await raw.text()).toContain("Pid:");
});

test("an empty file can be written, read and downloaded", async () => {
  await using agent = startTestAgent();
  expect((await put(agent, "/filesystem/empty", { content: "" })).status).toBe(200);
  expect((await read(agent, join(agent.folder, "empty"))).content).toBe("");
  const raw = await agent.request("/filesystem/empty?download=true");
  expect([raw.status, await raw.text()]).toEqual([200, ""]);
});

test("R-47: directories and files get the modes asked for, 0755 and 0644 otherwise", async () => {
  await using agent = startTestAgent();
  const modeOf = (path: string) => (statSync(join(agent.folder, path)).mode & 0o7777).toString(8);
  const made = await put(agent, "/filesystem/d", { isDirectory: true });
  expect(await made.json()).toEqual({ path: "d", message: "Directory created successfully" });
  await put(agent, "/filesystem/d", { isDirectory: true });
  await put(agent, "/filesystem/e", { isDirectory: true, permissions: "0700" });
  await put(agent, "/filesystem/f", { content: "x" });
  await put(agent, "/filesystem/g", { content: "x", permissions: "600" });
  expect(["d", "e", "f", "g"].map(modeOf)).toEqual(["755", "700", "644", "600"]);
  const bad = await put(agent, "/filesystem/h", { content: "x", permissions: "rwx" });
  expect([bad.status, await errorOf(bad)]).toEqual([400, "invalid permissions format 'rwx'"]);
});

test("D-25: an existing file keeps its inode and mode, also through a link; a new one leaves nothing beside it", async () => {
  await using agent = startTestAgent();
  const path = join(agent.folder, "f");
  writeFileSync(path, "a much longer content", { mode: 0o640 });
  symlinkSync("f", join(agent.folder, "link"));
  symlinkSync("made", join(agent.folder, "dangling"));
  const before = statSync(path);
  await put(agent, "/filesystem/f", { content: "short", permissions: "777" });
  await put(agent, "/filesystem/link", { content: "by link" });
  await put(agent, "/filesystem/dangling", { content: "made" });
  expect([statSync(path).ino, statSync(path).mode]).toEqual([before.ino, before.mode]);
  expect(readFileSync(path, "utf8")).toBe("by link");
  expect(readlinkSync(join(agent.folder, "dangling"))).toBe("made");
  expect(readdirSync(agent.folder).sort()).toEqual(["dangling", "f", "link", "made"]);
});

test("what cannot be written is a 422 that says why", async () => {
  await using agent = startTestAgent();
  writeFileSync(join(agent.folder, "f"), "");
  const below = await put(agent, "/filesystem/f/x", { content: "" });
  expect([below.status, await errorOf(below)]).toEqual([
    422,
    expect.stringMatching(/^error writing file: .*not a directory/),
  ]);
  const directory = await put(agent, encoded(agent.folder), { content: "" });
  expect([directory.status, await errorOf(directory)]).toEqual([
    422,
    expect.stringMatching(/^error writing file: .*directory/),
  ]);
  expect(readdirSync(agent.folder)).toEqual(["f"]);
});

test("delete: files, empty directories, trees with recursive=true only", async () => {
  await using agent = startTestAgent();
  const remove = (path: string) => agent.request(`/filesystem/${path}`, { method: "DELETE" });
  mkdirSync(join(agent.folder, "d/e"), { recursive: true });
  writeFileSync(join(agent.folder, "f"), "");
  expect(await (await remove("f")).json()).toEqual({ path: "f", message: "File deleted successfully" });
  for (const query of ["", "?recursive=1"]) {
    const refused = await remove(`d${query}`);
    expect([refused.status, await errorOf(refused)]).toEqual([
      422,
      expect.stringMatching(/^error deleting directory: /),
    ]);
  }
  expect((await remove("d/e")).status).toBe(200);
  mkdirSync(join(agent.folder, "d/e"));
  expect(await (await remove("d?recursive=true")).json()).toEqual({
    path: "d",
    message: "Directory deleted successfully",
  });
  const gone = await remove("d");
  expect([gone.status, await errorOf(gone)]).toEqual([404, "file or directory not found"]);
});

test("D-19: a link to nothing can be deleted, and deleting a link leaves its target", async () => {
  await using agent = startTestAgent();
  mkdirSync(join(agent.folder, "target"));
  symlinkSync("nowhere", join(agent.folder, "dangling"));
  symlinkSync("target", join(agent.folder, "link"));
  for (const name of ["dangling", "link"]) {
    expect((await agent.request(`/filesystem/${name}?recursive=true`, { method: "DELETE" })).status).toBe(200);
  }
  expect(readdirSync(agent.folder)).toEqual(["target"]);
});

test("a tree is written below an absolute root, which is then listed", async () => {
  await using agent = startTestAgent();
  const root = join(agent.folder, "t");
  const files = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`d${index % 7}/f${index}`, `${index}`]));
  const answer = await put(agent, `/filesystem/tree/${root}`, { files: { ...files, "top.txt": "top" } });
  const listed = (await answer.json()) as Directory;
  expect(listed).toMatchObject({ path: root, name: "t", files: [{ name: "top.txt", size: 3 }] });
  expect(listed.subdirectories).toHaveLength(7);
  expect(readFileSync(join(root, "d3/f199"), "utf8")).toBe("199");
  expect(await (await agent.request(`/filesystem/tree${root}`)).json()).toEqual(listed);
  expect((await agent.request(`/filesystem/tree${root}`, { method: "DELETE" })).status).toBe(422);
  expect((await agent.request(`/filesystem/tree${root}?recursive=true`, { method: "DELETE" })).status).toBe(200);
  expect(existsSync(root)).toBe(false);
});

test("a tree that is not there is 400 to read and 422 to delete", async () => {
  await using agent = startTestAgent();
  const missing = await agent.request("/filesystem/tree/no/such");
  expect([missing.status, await errorOf(missing)]).toEqual([400, "path is not a directory"]);
  expect((await agent.request("/filesystem/tree/no/such", { method: "DELETE" })).status).toBe(422);
});

test("D-13: a file whose name merely begins with tree is a file", async () => {
  await using agent = startTestAgent();
  await put(agent, "/filesystem/treehouse.txt", { content: "house" });
  expect(await (await agent.request("/filesystem/treehouse.txt")).json()).toMatchObject({ content: "house" });
});
