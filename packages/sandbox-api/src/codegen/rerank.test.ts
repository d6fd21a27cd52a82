import { expect, test } from "bun:test";
import type { RerankResponse } from "@dormouse/schema";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startTestAgent, type TestAgent } from "../testing/agent.ts";
import { startProvider } from "./testing/provider.ts";

function withFiles(agent: TestAgent): TestAgent {
  mkdirSync(join(agent.folder, "src"));
  writeFileSync(
    join(agent.folder, "src/invoice.ts"),
    "export function renderInvoice(invoice) { return invoice.total; }\n",
  );
  writeFileSync(join(agent.folder, "src/login.ts"), "export function login(user) { return user; }\n");
  writeFileSync(join(agent.folder, "notes.md"), "an invoice is rendered here\n");
  return agent;
}

const rank = async (agent: TestAgent, path: string, parameters: Readonly<Record<string, string>>) => {
  const response = await agent.request(`/codegen/reranking/${path}?${new URLSearchParams(parameters).toString()}`);
  return { status: response.status, body: (await response.json()) as RerankResponse };
};
const paths = ({ body }: { readonly body: RerankResponse }) => body.files.map(({ path }) => path);

test("without a key files are ranked locally, and the answer says so", async () => {
  await using agent = withFiles(startTestAgent());
  const all = await rank(agent, "", { query: "render invoice", scoreThreshold: "0.1" });
  expect(all.body).toMatchObject({ success: true, provider: "local", message: expect.stringContaining("Found") });
  expect(paths(all)[0]).toBe("src/invoice.ts");
  const typed = await rank(agent, "", { query: "invoice", scoreThreshold: "0", filePattern: "\\.md$" });
  expect(paths(typed)).toEqual(["notes.md"]);
});

test("a provider ranks the files, those below the threshold and beyond the limit are dropped", async () => {
  using provider = startProvider(() =>
    Response.json({
      results: [
        { filename: "notes.md", score: 0.9 },
        { filename: "src/invoice.ts", score: 0.6 },
        { filename: "src/login.ts", score: 0.2 },
      ],
    }),
  );
  await using agent = withFiles(startTestAgent({ RELACE_API_KEY: "k", RELACE_BASE_URL: provider.url }));
  const ranked = await rank(agent, ".", { query: "invoice" });
  expect(ranked.body).toMatchObject({ provider: "relace", message: "Found 2 relevant files, ranked by Relace" });
  expect(paths(ranked)).toEqual(["notes.md", "src/invoice.ts"]);
  expect(paths(await rank(agent, ".", { query: "invoice", tokenLimit: "10" }))).toEqual(["notes.md"]);
});

test("nothing found is an empty list, and bad questions are refused", async () => {
  await using agent = withFiles(startTestAgent());
  mkdirSync(join(agent.folder, "empty"));
  expect(await rank(agent, "empty", { query: "x" })).toEqual({
    status: 200,
    body: { success: true, files: [], message: "No files found matching criteria", provider: "local" },
  });
  expect((await rank(agent, "", {})).status).toBe(400);
  expect((await rank(agent, "notes.md", { query: "x" })).status).toBe(400);
  expect((await rank(agent, "nowhere", { query: "x" })).status).toBe(400);
  expect((await rank(agent, "", { query: "x", scoreThreshold: "high" })).status).toBe(400);
  expect((await rank(agent, "", { query: "x", filePattern: "(" })).status).toBe(422);
});
