import { expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startTestAgent, type TestAgent } from "../testing/agent.ts";

const BYTES = Buffer.from(Array.from({ length: 100_000 }, (_, index) => (index * 7) & 255));

const put = (agent: TestAgent, body: unknown) =>
  agent.request("/filesystem/f", { method: "PUT", body: JSON.stringify(body) });

test("bytes go through JSON unharmed as base64 (D-12)", async () => {
  await using agent = startTestAgent();
  expect((await put(agent, { content: BYTES.toString("base64"), encoding: "base64" })).status).toBe(200);
  expect(readFileSync(join(agent.folder, "f"))).toEqual(BYTES);
  const read = await agent.request("/filesystem/f?encoding=base64");
  expect(await read.json()).toMatchObject({
    size: BYTES.length,
    content: BYTES.toString("base64"),
    encoding: "base64",
  });
});

test("text stays the default, and its answer has no encoding", async () => {
  await using agent = startTestAgent();
  await put(agent, { content: "aGk=", encoding: "utf-8" });
  for (const query of ["", "?encoding=", "?encoding=UTF-8"]) {
    const file = (await (await agent.request(`/filesystem/f${query}`)).json()) as object;
    expect(file).toMatchObject({ content: "aGk=" });
    expect(Object.keys(file)).not.toContain("encoding");
  }
});

test("what is no base64, and an encoding nobody knows, are 400 and write nothing", async () => {
  await using agent = startTestAgent();
  for (const body of [
    { content: "not base64!", encoding: "base64" },
    { content: "x", encoding: "latin1" },
  ]) {
    expect((await put(agent, body)).status).toBe(400);
  }
  expect(readdirSync(agent.folder)).toEqual([]);
  writeFileSync(join(agent.folder, "f"), "x");
  expect((await agent.request("/filesystem/f?encoding=hex")).status).toBe(400);
});

test("a text of many megabytes is written and read whole", async () => {
  await using agent = startTestAgent();
  const content = "ünïcode ".repeat(1_000_000);
  expect((await put(agent, { content })).status).toBe(200);
  expect(readFileSync(join(agent.folder, "f"), "utf8") === content).toBe(true);
  const read = (await (await agent.request("/filesystem/f")).json()) as { content: string };
  expect(read.content === content).toBe(true);
});
