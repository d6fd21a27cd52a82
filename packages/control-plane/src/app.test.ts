import { expect, test } from "bun:test";
import { WorkspaceName, type SandboxId } from "@dormouse/schema";
import { MemoryEngine } from "../testkit/memory-engine.ts";
import { addWorkspace, startServer } from "../testkit/server.ts";
import { issueApiKey } from "./installation.ts";

test("a request without a key, or with one nobody issued, is 401 with a next step", async () => {
  await using server = await startServer();
  const missing = await server.call("GET", "/sandboxes", undefined, { "x-blaxel-authorization": "" });
  expect(missing).toMatchObject({ status: 401, body: { code: 401, error: "UNAUTHENTICATED" } });
  expect(missing.body).toHaveProperty("message", expect.stringContaining("BL_API_KEY"));
  const wrong = await server.call("GET", "/sandboxes", undefined, { "x-blaxel-authorization": "Bearer dm_wrong" });
  expect(wrong).toMatchObject({ status: 401, body: { code: 401, error: "UNAUTHENTICATED" } });
});

test("the standard Authorization header is as good as the stock client's", async () => {
  await using server = await startServer();
  const response = await server.fetch(
    new Request("http://localhost/v0/sandboxes", { headers: { authorization: `Bearer ${server.apiKey}` } }),
  );
  expect(response.status).toBe(200);
});

test("a workspace that is unknown or not the key's is 403", async () => {
  await using server = await startServer();
  const answer = await server.call("GET", "/sandboxes", undefined, { "x-blaxel-workspace": "elsewhere" });
  expect(answer).toMatchObject({ status: 403, body: { code: 403, error: "FORBIDDEN" } });
});

test("what one workspace has is invisible to another, and names do not collide", async () => {
  const other = WorkspaceName.parse("other");
  let otherKey = "";
  await using server = await startServer({
    prepare: async (store) => {
      await addWorkspace(store, other);
      otherKey = await issueApiKey({ store, clock: Date.now }, other, "second");
    },
  });
  const headers = { "x-blaxel-authorization": `Bearer ${otherKey}`, "x-blaxel-workspace": other };
  await server.create("mine");
  expect(await server.call("GET", "/sandboxes/mine", undefined, headers)).toMatchObject({ status: 404 });
  expect(await server.call("DELETE", "/sandboxes/mine", undefined, headers)).toMatchObject({ status: 404 });
  expect(await server.call("GET", "/sandboxes/mine/previews", undefined, headers)).toMatchObject({ status: 404 });
  expect(await server.call("GET", "/sandboxes", undefined, headers)).toMatchObject({ body: { data: [] } });
  const theirs = await server.call("POST", "/sandboxes", { metadata: { name: "mine" } }, headers);
  expect(theirs).toMatchObject({ status: 200, body: { metadata: { workspace: "other" } } });
  expect(server.deps.directory.isApiKeyValid("other", otherKey)).toBe(true);
  expect(server.deps.directory.isApiKeyValid("default", otherKey)).toBe(false);
});

test("an unknown route is 404 with a numeric code", async () => {
  await using server = await startServer();
  const answer = await server.call("GET", "/nothing");
  expect(answer).toMatchObject({ status: 404, body: { code: 404, error: "ROUTE_NOT_FOUND" } });
});

test("/api answers what /v0 answers", async () => {
  await using server = await startServer();
  await server.create("alias");
  const response = await server.fetch(
    new Request("http://localhost/api/sandboxes/alias", { headers: { authorization: `Bearer ${server.apiKey}` } }),
  );
  expect(await response.json()).toMatchObject({ metadata: { name: "alias" } });
});

test("a body that is not JSON is 400 with a sentence", async () => {
  await using server = await startServer();
  const answer = await server.call("POST", "/sandboxes", '{"metadata":');
  expect(answer).toMatchObject({ status: 400, body: { code: "INVALID_ARGUMENT", status_code: 400 } });
  expect(answer.body).toHaveProperty("message", expect.stringContaining("not valid JSON"));
  const created = await server.create("holder");
  expect(created.status).toBe(200);
  const update = await server.call("PUT", "/sandboxes/holder", "nonsense");
  expect(update).toMatchObject({ status: 400, body: { code: 400, error: "INVALID_ARGUMENT" } });
});

test("a body over 1 MiB is 413", async () => {
  await using server = await startServer();
  const answer = await server.call("POST", "/sandboxes", `"${"x".repeat(1024 * 1024)}"`);
  expect(answer).toMatchObject({ status: 413, body: { code: 413, error: "TOO_LARGE" } });
});

test("an unexpected failure is 500 without its text, which goes to the log under the answer's request id", async () => {
  const engine = new MemoryEngine();
  engine.beforeCreate = () => Promise.reject(new Error("disk 7 is on fire"));
  await using server = await startServer({ engine });
  const answer = await server.create("unlucky");
  expect(answer).toMatchObject({ status: 500, body: { code: "INTERNAL" } });
  expect(JSON.stringify(answer.body)).not.toContain("disk 7");
  const requestId = answer.headers.get("x-request-id");
  expect(JSON.stringify(answer.body)).toContain(requestId ?? "none");
  const event = server.logged.find(({ event }) => event === "request.fail");
  expect(event).toMatchObject({ requestId, cause: expect.stringContaining("disk 7") });
});

test("every operation leaves one event, and no event holds a key, a token or a secret", async () => {
  await using server = await startServer();
  await server.create("quiet", { runtime: { envs: [{ name: "KEY", value: "hush-hush", secret: true }] } });
  await server.call("POST", "/sandboxes/quiet/previews", {
    metadata: { name: "web" },
    spec: { port: 3000, requestHeaders: { "X-Auth": "hush-hush" } },
  });
  const token = await server.call("POST", "/sandboxes/quiet/previews/web/tokens", {});
  await server.call("DELETE", "/sandboxes/quiet");
  const events = server.logged.map(({ event, outcome }) => `${String(event)} ${String(outcome)}`);
  expect(events).toEqual([
    "sandbox.create success",
    "preview.create success",
    "preview.token.create success",
    "sandbox.delete success",
  ]);
  const text = JSON.stringify(server.logged);
  expect(text).not.toContain("hush-hush");
  expect(text).not.toContain(server.apiKey);
  expect(text).not.toContain((token.body as { spec: { token: string } }).spec.token);
  expect(server.logged[0]).toMatchObject({ sandbox: "quiet", workspace: "default", requestId: expect.any(String) });
});

test("tracking follows the sandbox: begun when it is deployed, ended when it is deleted", async () => {
  await using server = await startServer();
  await server.create("followed");
  const id = server.engine.specs[0]?.id as SandboxId;
  expect([...server.life.tracked.keys()]).toEqual([id]);
  await server.call("DELETE", "/sandboxes/followed");
  expect(server.life.tracked.size).toBe(0);
});
