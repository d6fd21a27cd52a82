import { expect, test } from "bun:test";
import type { FastApplyResponse } from "@dormouse/schema";
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startTestAgent, type TestAgent } from "../testing/agent.ts";
import { applyEdit, reapplyEdit } from "./apply-edit.ts";
import { EditHistory } from "./edit-history.ts";
import { startProvider } from "./testing/provider.ts";

const ORIGINAL = "const a = 1;\nconst b = 2;\nconst c = 3;\n";
const EDIT = "// ... existing code ...\nconst b = 20;\n// ... existing code ...\n";

const put = (agent: TestAgent, name: string, body: unknown) =>
  agent.request(`/codegen/fastapply/${encodeURIComponent(join(agent.folder, name))}`, {
    method: "PUT",
    body: JSON.stringify(body),
  });
const answered = async (response: Response) => ({ status: response.status, body: await response.json() });

test("without a key an edit is applied locally, says so, and keeps the file's mode", async () => {
  await using agent = startTestAgent();
  const path = join(agent.folder, "a.js");
  writeFileSync(path, ORIGINAL);
  chmodSync(path, 0o755);
  const { status, body } = await answered(await put(agent, "a.js", { codeEdit: EDIT }));
  const updated = ORIGINAL.replace("b = 2", "b = 20");
  expect({ status, body }).toEqual({
    status: 200,
    body: {
      success: true,
      path,
      originalContent: ORIGINAL,
      updatedContent: updated,
      provider: "local",
      message: "Edit applied locally, as neither RELACE_API_KEY nor MORPH_API_KEY is set",
    },
  });
  expect(readFileSync(path, "utf8")).toBe(updated);
  expect(statSync(path).mode & 0o777).toBe(0o755);
});

test("a missing file counts as empty and is made, 0644, with its parents", async () => {
  await using agent = startTestAgent();
  expect((await put(agent, "deep/er/new.txt", { codeEdit: "text" })).status).toBe(200);
  const path = join(agent.folder, "deep/er/new.txt");
  expect(readFileSync(path, "utf8")).toBe("text");
  expect(statSync(path).mode & 0o777).toBe(0o644);
});

test("a relative path starts in the working directory", async () => {
  await using agent = startTestAgent();
  const response = await agent.request("/codegen/fastapply/a.txt", { method: "PUT", body: '{"codeEdit":"x"}' });
  expect((await answered(response)).body).toMatchObject({ path: "a.txt" });
  expect(readFileSync(join(agent.folder, "a.txt"), "utf8")).toBe("x");
});

test("what cannot be edited is refused and stays as it is", async () => {
  await using agent = startTestAgent();
  const file = (name: string, content: string | Buffer) => writeFileSync(join(agent.folder, name), content);
  mkdirSync(join(agent.folder, "folder"));
  file("text", ORIGINAL);
  file("zero", "a\0b");
  file("latin1", Buffer.from([0x61, 0xe9, 0x62]));
  file("big", "x".repeat(2 * 1024 * 1024 + 1));
  const statusOf = async (name: string, body: unknown) => (await put(agent, name, body)).status;
  expect(await statusOf("folder", { codeEdit: EDIT })).toBe(400);
  expect(await statusOf("text", {})).toBe(400);
  for (const name of ["zero", "latin1", "big"])
    expect([name, await statusOf(name, { codeEdit: EDIT })]).toEqual([name, 422]);
  const { status, body } = await answered(await put(agent, "text", { codeEdit: "// ...\nnowhere();\n// ..." }));
  expect(status).toBe(422);
  expect(body).toEqual({ error: expect.stringContaining("add two unchanged lines before and after the change") });
  expect(readFileSync(join(agent.folder, "text"), "utf8")).toBe(ORIGINAL);
});

test("with a key the provider merges, and what it answers is written", async () => {
  using provider = startProvider(() => Response.json({ mergedCode: "merged\n" }));
  await using agent = startTestAgent({ RELACE_API_KEY: "k", RELACE_BASE_URL: provider.url });
  writeFileSync(join(agent.folder, "a.js"), ORIGINAL);
  const body = (await (await put(agent, "a.js", { codeEdit: EDIT, model: "" })).json()) as FastApplyResponse;
  expect(body).toMatchObject({ provider: "relace", updatedContent: "merged\n", message: "Edit applied by Relace" });
  expect(readFileSync(join(agent.folder, "a.js"), "utf8")).toBe("merged\n");
  expect(provider.calls[0]?.body).toMatchObject({ initial_code: ORIGINAL, edit_snippet: EDIT });
});

test("a provider that fails leaves the file alone, and a file that has changed meanwhile is not overwritten", async () => {
  let path = "";
  using provider = startProvider(({ body }) => {
    if (body["edit_snippet"] === "fail") return new Response("overloaded", { status: 503 });
    writeFileSync(path, "by somebody else\n");
    return Response.json({ mergedCode: "merged\n" });
  });
  await using agent = startTestAgent({ RELACE_API_KEY: "k", RELACE_BASE_URL: provider.url });
  path = join(agent.folder, "a.js");
  writeFileSync(path, ORIGINAL);
  expect(await answered(await put(agent, "a.js", { codeEdit: "fail" }))).toEqual({
    status: 422,
    body: { error: "Cannot use Relace: it answered 503: overloaded" },
  });
  expect(readFileSync(path, "utf8")).toBe(ORIGINAL);
  expect((await put(agent, "a.js", { codeEdit: EDIT })).status).toBe(422);
  expect(readFileSync(path, "utf8")).toBe("by somebody else\n");
});

test("the last edit is tried again with what the file holds then, and with a key that has come since", async () => {
  using provider = startProvider(() => Response.json({ mergedCode: "merged\n" }));
  await using agent = startTestAgent();
  const target = { absolute: join(agent.folder, "a.js") };
  const deps = { env: {}, history: new EditHistory(), signal: new AbortController().signal };
  await expect(reapplyEdit(target, deps)).rejects.toThrow("none was asked for");
  writeFileSync(target.absolute, "other();\n");
  await expect(applyEdit(target, { codeEdit: EDIT }, deps)).rejects.toThrow("Cannot apply the edit");
  writeFileSync(target.absolute, ORIGINAL);
  expect(await reapplyEdit(target, deps)).toMatchObject({ provider: "local" });
  expect(readFileSync(target.absolute, "utf8")).toContain("const b = 20;");
  const env = { RELACE_API_KEY: "k", RELACE_BASE_URL: provider.url };
  expect(await reapplyEdit(target, { ...deps, env })).toMatchObject({ provider: "relace" });
});

test("trying again takes lines for the file's own that are less alike", async () => {
  await using agent = startTestAgent();
  const target = { absolute: join(agent.folder, "a.js") };
  writeFileSync(target.absolute, "start(one, two, three, four);\nmiddle();\nfinish(alpha, beta, gamma);\n");
  const codeEdit = "// ...\nstart(one, two, three, five);\nmiddle(1);\nfinish(alpha, beta, delta);\n// ...\n";
  const deps = { env: {}, history: new EditHistory(), signal: new AbortController().signal };
  await expect(applyEdit(target, { codeEdit }, deps)).rejects.toThrow("Cannot apply the edit");
  expect((await reapplyEdit(target, deps)).updatedContent).toBe(codeEdit.replaceAll("// ...\n", ""));
});
