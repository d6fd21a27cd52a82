import { expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openSocket, startTestAgent, type TestAgent, until } from "../testing/agent.ts";

function form(fields: readonly [string, string | Blob][]): FormData {
  const data = new FormData();
  for (const [name, value] of fields) {
    if (typeof value === "string") data.append(name, value);
    else data.append(name, value, "test-binary.bin");
  }
  return data;
}

const upload = (agent: TestAgent, path: string, body: FormData) => agent.request(path, { method: "PUT", body });
const errorOf = async (response: Response) => ((await response.json()) as { error: string }).error;

test("an uploaded file arrives byte for byte", async () => {
  await using agent = startTestAgent();
  const content = crypto.getRandomValues(new Uint8Array(60_000));
  const path = join(agent.folder, "new dir/a b.bin");
  const answer = await upload(agent, `/filesystem/${path}`, form([["file", new Blob([content])]]));
  expect(await answer.json()).toEqual({ path, message: "Binary file uploaded successfully" });
  expect(new Uint8Array(readFileSync(path))).toEqual(content);
});

test("D-14: permissions count before and after the file", async () => {
  await using agent = startTestAgent();
  const file: [string, Blob] = ["file", new Blob(["x"])];
  await upload(agent, "/filesystem/before", form([["permissions", "0600"], file]));
  await upload(agent, "/filesystem/after", form([file, ["permissions", "0750"], ["path", "ignored"]]));
  await upload(agent, "/filesystem/without", form([file]));
  const modes = ["before", "after", "without"].map((name) => statSync(join(agent.folder, name)).mode & 0o777);
  expect(modes).toEqual([0o600, 0o750, 0o644]);
});

test("an existing file is overwritten in place", async () => {
  await using agent = startTestAgent();
  const path = join(agent.folder, "f");
  writeFileSync(path, "old and longer", { mode: 0o755 });
  const before = statSync(path);
  await upload(
    agent,
    "/filesystem/f",
    form([
      ["file", new Blob(["new"])],
      ["permissions", "0644"],
    ]),
  );
  expect(readFileSync(path, "utf8")).toBe("new");
  expect([statSync(path).ino, statSync(path).mode]).toEqual([before.ino, before.mode]);
});

test("a form without a file, a broken one and bad permissions are 400 and leave nothing", async () => {
  await using agent = startTestAgent();
  const without = await upload(agent, "/filesystem/f", form([["permissions", "0644"]]));
  expect([without.status, await errorOf(without)]).toEqual([400, "missing 'file' field in multipart form"]);
  const bad = form([
    ["file", new Blob(["x"])],
    ["permissions", "bad"],
  ]);
  expect((await upload(agent, "/filesystem/f", bad)).status).toBe(400);
  for (const type of ["multipart/form-data", "multipart/form-data; boundary=b"]) {
    const body = '--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\ncut';
    const response = await agent.request("/filesystem/f", { method: "PUT", body, headers: { "Content-Type": type } });
    expect(response.status).toBe(400);
  }
  expect(readdirSync(agent.folder)).toEqual([]);
});

test("R-47: a client that leaves in the middle leaves no partial file", async () => {
  await using agent = startTestAgent();
  const socket = await openSocket(agent.api.port);
  socket.write(
    "PUT /filesystem/f HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n" +
      'Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\nContent-Disposition: form-data; name="file"; ' +
      `filename="f"\r\n\r\n${"x".repeat(100_000)}`,
  );
  await until(() => readdirSync(agent.folder).length === 1);
  expect(readdirSync(agent.folder)).not.toContain("f");
  socket.destroy();
  await until(() => readdirSync(agent.folder).length === 0);
});
