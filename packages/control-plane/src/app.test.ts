import { subscribe, unsubscribe } from "node:diagnostics_channel";
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

test("clients that try again by themselves are told where that is of no use", async () => {
  await using server = await startServer();
  await server.create("taken");
  const headers = { authorization: `Bearer ${server.apiKey}` };
  const body = JSON.stringify({ metadata: { name: "taken" } });
  const taken = await server.fetch(new Request("http://localhost/v0/sandboxes", { method: "POST", headers, body }));
  expect([taken.status, taken.headers.get("x-should-retry")]).toEqual([409, "false"]);
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

test("a change without words of its own, and one that failed before it began, leave one event too", async () => {
  await using server = await startServer();
  const key = await server.call("POST", "/api_keys", { name: "spare" });
  await server.call("DELETE", "/sandboxes/nobody");
  await server.call("POST", "/oauth/token", {
    grant_type: "client_credentials",
    client_id: "x",
    client_secret: "guess",
  });
  await server.call("GET", "/sandboxes/nobody");
  await server.call("POST", "/workspaces/availability", { name: "free" });
  const events = server.logged.map(({ event, outcome, code }) => [event, outcome, code].join(" "));
  expect(events).toEqual([
    "api_keys.create success ",
    "sandboxes.delete failure SANDBOX_NOT_FOUND",
    "oauth.token.create failure invalid_client",
  ]);
  expect(server.logged[1]).toMatchObject({ workspace: "default", requestId: expect.any(String) });
  const text = JSON.stringify(server.logged);
  expect(text).not.toContain("guess");
  expect(text).not.toContain((key.body as { apiKey: string }).apiKey);
});

test("every answer is published with its status, its code where it failed, and its duration", async () => {
  await using server = await startServer();
  const published: unknown[] = [];
  const note = (event: unknown): void => void published.push(event);
  subscribe("dormouse.control-plane.request", note);
  await server.create("seen");
  await server.call("GET", "/sandboxes/nobody");
  await server.call("GET", "/sandboxes", undefined, { "x-blaxel-authorization": "Bearer dm_wrong" });
  unsubscribe("dormouse.control-plane.request", note);
  const durationMs = expect.any(Number);
  expect(published).toEqual([
    { status: 200, durationMs },
    { status: 404, durationMs, code: "SANDBOX_NOT_FOUND" },
    { status: 401, durationMs, code: "UNAUTHENTICATED" },
  ]);
});

test("createIfNotExist that finds a sandbox leaves an event of its own, for it creates nothing", async () => {
  let nowMs = 1_000_000;
  await using server = await startServer({ clock: () => nowMs });
  const body = { metadata: { name: "twice" }, spec: {} };
  await server.call("POST", "/sandboxes?createIfNotExist=true", body);
  nowMs += 1000;
  await server.call("POST", "/sandboxes?createIfNotExist=true", body);
  const sandboxId = server.engine.specs[0]?.id;
  expect(server.logged).toMatchObject([
    { event: "sandbox.create", sandboxId },
    { event: "sandbox.reuse", sandboxId },
  ]);
});

test("tracking follows the sandbox: begun when it is deployed, ended when it is deleted", async () => {
  await using server = await startServer();
  await server.create("followed");
  const id = server.engine.specs[0]?.id as SandboxId;
  expect([...server.life.tracked.keys()]).toEqual([id]);
  await server.call("DELETE", "/sandboxes/followed");
  expect(server.life.tracked.size).toBe(0);
});
