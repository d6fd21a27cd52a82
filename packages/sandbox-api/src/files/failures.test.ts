import { expect, test } from "bun:test";
import type { Directory } from "@dormouse/schema";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startTestAgent } from "../testing/agent.ts";
import { type ConfinedAgent, startConfinedAgent } from "../testing/confined-agent.ts";

const MIB = 1024 * 1024;

type Requester = Pick<ConfinedAgent, "request">;

const put = (agent: Requester, path: string, body: unknown) =>
  agent.request(`/filesystem/${path}`, { method: "PUT", body: JSON.stringify(body) });

function upload(agent: Requester, path: string, sizeBytes: number): Promise<Response> {
  const body = new FormData();
  body.append("file", new Blob([new Uint8Array(sizeBytes)]), "f");
  return agent.request(`/filesystem/${path}`, { method: "PUT", body });
}

const outcome = async (response: Response) =>
  [response.status, ((await response.json()) as { error: string }).error] as const;

const namesIn = async (agent: Requester) => {
  const { files, subdirectories } = (await (await agent.request("/filesystem/")).json()) as Directory;
  return [...files, ...subdirectories].map(({ name }) => name);
};

test("on a full disk every way to write is a 422 that says so, and nothing half-written is left (R-47, D-25)", async () => {
  await using agent = await startConfinedAgent(2 * MIB);
  const large = "x".repeat(3 * MIB);
  const answers = [
    await put(agent, "json", { content: large }),
    await put(agent, "new/dir/json", { content: large }),
    await upload(agent, "form", 3 * MIB),
    await upload(agent, "other/form", 3 * MIB),
  ];
  for (const answer of answers) {
    expect(await outcome(answer)).toEqual([422, expect.stringMatching(/^error writing (binary )?file: .*no space/)]);
  }
  expect(await namesIn(agent)).toEqual([]);
  expect((await upload(agent, "fits", MIB)).status).toBe(200);
});

test("on a read-only disk every change is a 422 that names the path", async () => {
  await using agent = await startConfinedAgent(MIB, 'echo kept > f && mkdir d && mount -o remount,ro "$1"');
  const remove = (path: string) => agent.request(`/filesystem/${path}`, { method: "DELETE" });
  const tree = { method: "PUT", body: JSON.stringify({ files: { "a/b": "x" } }) };
  const changes: [string, Response][] = [
    ["new", await put(agent, "new", { content: "x" })],
    ["f", await put(agent, "f", { content: "x" })],
    ["below/new", await put(agent, "below/new", { content: "x" })],
    ["made", await put(agent, "made", { isDirectory: true })],
    ["form", await upload(agent, "form", 10)],
    ["f", await remove("f")],
    ["d", await remove("d")],
    ["t", await agent.request(`/filesystem/tree/${agent.folder}/t`, tree)],
  ];
  for (const [path, response] of changes) {
    const [status, error] = await outcome(response);
    expect([status, error]).toEqual([
      422,
      expect.stringContaining(`${join(agent.folder, path)}: read-only file system`),
    ]);
  }
  expect(await (await agent.request("/filesystem/f")).json()).toMatchObject({ content: "kept\n" });
});

test("a name that is too long is a 422 to write, the longest one there is works", async () => {
  await using agent = startTestAgent();
  expect(await outcome(await put(agent, "n".repeat(256), { content: "x" }))).toEqual([
    422,
    expect.stringContaining("name too long"),
  ]);
  expect((await upload(agent, "n".repeat(256), 1)).status).toBe(422);
  expect((await put(agent, "n".repeat(255), { content: "x" })).status).toBe(200);
  expect(readdirSync(agent.folder)).toEqual(["n".repeat(255)]);
});

test("a directory in the way is a 422, for a file and for an upload, and so is a file where a directory should be", async () => {
  await using agent = startTestAgent();
  mkdirSync(join(agent.folder, "d"));
  writeFileSync(join(agent.folder, "f"), "kept");
  const refused = [
    await put(agent, "d", { content: "x" }),
    await upload(agent, "d", 1),
    await put(agent, "f", { isDirectory: true }),
    await upload(agent, "f/x", 1),
  ];
  for (const response of refused) expect(response.status).toBe(422);
  expect([readdirSync(agent.folder).sort(), readdirSync(join(agent.folder, "d"))]).toEqual([["d", "f"], []]);
  expect(readFileSync(join(agent.folder, "f"), "utf8")).toBe("kept");
});

test("a pipe nobody reads does not hold the agent up", async () => {
  await using agent = startTestAgent();
  Bun.spawnSync(["mkfifo", join(agent.folder, "pipe")]);
  expect((await put(agent, "pipe", { content: "x" })).status).toBe(422);
  expect((await agent.request("/filesystem/pipe")).status).toBe(422);
});

test("a tree stops at the first file that cannot be written", async () => {
  await using agent = startTestAgent();
  const files = { a: "1", "b/c": "2", "b/c/d": "3", e: "4" };
  const request = { method: "PUT", body: JSON.stringify({ files }) };
  expect((await agent.request(`/filesystem/tree/${agent.folder}`, request)).status).toBe(422);
  expect(readdirSync(agent.folder).sort()).toEqual(["a", "b"]);
});
