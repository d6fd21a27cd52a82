import { expect, test } from "bun:test";
import type { ImageShareAnswer } from "@dormouse/schema";
import { z } from "zod";
import { startServer } from "../../testkit/server.ts";
import { HUB, pushVersion, type ShareBench, startShareBench, STRANGER, TEAM } from "../../testkit/images.ts";
import { createControlPlane } from "../index.ts";
import { openApiDocument } from "./document.ts";
import type { Operation } from "./operation.ts";
import { OPERATION_GROUPS } from "./operations.ts";

const OPERATIONS: readonly Operation[] = OPERATION_GROUPS.flatMap(({ operations }) => operations);

/** For browsers, so that they are not in the reference of the API. */
const PAGES = new Set(["/docs", "/docs/start.js", "/docs/{asset}"]);

test("the reference has every route of the API, and no other", async () => {
  await using server = await startServer();
  const routes = createControlPlane(server.deps).routes.filter(({ method }) => method !== "ALL");
  const below = (prefix: string): string[] =>
    routes
      .filter(({ path }) => path.startsWith(`${prefix}/`))
      .map(({ method, path }) => [method, path.slice(prefix.length).replaceAll(/:(\w+)/g, "{$1}")] as const)
      .filter(([, path]) => !PAGES.has(path))
      .map((route) => route.join(" "))
      .toSorted();
  const described = OPERATIONS.map(({ method, path }) => `${method.toUpperCase()} ${path}`).toSorted();
  expect(below("/v0")).toEqual(described);
  expect(below("/api")).toEqual(described);
});

test("every operation has a name of its own, and everything referred to is there", () => {
  const ids = OPERATIONS.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  const document = openApiDocument();
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, pointer = ""]) => pointer);
  const at = (pointer: string): unknown =>
    pointer.split("/").reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], document);
  expect(references.length).toBeGreaterThan(100);
  expect(references.filter((pointer) => at(pointer) === undefined)).toEqual([]);
});

/** One of everything, with the path parameters that lead to it. */
async function fill({ server, stranger }: ShareBench): Promise<Readonly<Record<string, string>>> {
  const make = async (path: string, body: unknown, method = "POST"): Promise<Record<string, unknown>> => {
    const answer = await server.call(method, path, body);
    expect({ path, status: answer.status }).toEqual({ path, status: 200 });
    return answer.body as Record<string, unknown>;
  };
  await make("/volume_templates?upload=true", { metadata: { name: "disk", displayName: "Disk" } });
  await make("/volumes", { metadata: { name: "disk", externalId: "vol" }, spec: { size: 64 } });
  await make("/sandboxes", {
    metadata: { name: "box", displayName: "Box", externalId: "ext", labels: { a: "b" } },
    spec: {
      runtime: { ttl: "1d", ports: [{ target: 3000 }], envs: [{ name: "KEY", value: "x", secret: true }] },
      lifecycle: { expirationPolicies: [{ type: "ttl-idle", value: "1h" }] },
      volumes: [{ name: "disk", mountPath: "/data" }],
    },
  });
  await make("/sandboxes/box/previews", {
    metadata: { name: "web" },
    spec: { port: 3000, requestHeaders: { "X-A": "1" } },
  });
  await make("/sandboxes/box/previews/web/tokens", { spec: { expiresAt: "2040-01-01T00:00:00Z" } });
  const input = { command: "true", name: "job", env: { A: "1" }, workingDir: "/" };
  await make("/sandboxes/box/schedules", { type: "cron", value: "* * * * *", id: "job", input });
  await make("/users", { email: "someone@example.com" });
  await make("/customdomains", { metadata: { name: "example.com", labels: { a: "b" } }, spec: { region: "here" } });
  const account = await make("/service_accounts", { name: "robot" });
  const clientId = String(account["client_id"]);
  await make(`/service_accounts/${clientId}/api_keys`, { name: "key", expires_in: "30d" });
  await pushVersion(server, "tools");
  await make("/images/sandbox/tools/share", { targetWorkspace: TEAM });
  await pushVersion(server, "offered", STRANGER);
  const [first] = (await make("/images/sandbox/tools/share", undefined, "GET")) as unknown as ImageShareAnswer[];
  const offer = { targetWorkspace: "default", targetAccountId: first?.accountId };
  expect(await server.call("POST", "/images/sandbox/offered/share", offer, stranger)).toMatchObject({ status: 202 });
  const image = { resourceType: "sandbox", imageName: "tools" };
  const domainName = "example.com";
  return {
    ...image,
    name: "box",
    sandbox: "box",
    preview: "web",
    schedule: "job",
    workspace: "default",
    clientId,
    domainName,
  };
}

test("what is answered has the shape that the reference gives it, and nothing beside", async () => {
  let nowMs = Date.parse("2030-01-01T00:00:30Z");
  await using bench = await startShareBench({ clock: () => nowMs, hub: HUB });
  const { server } = bench;
  const parameters = await fill(bench);
  nowMs += 60_000;
  server.calls.answer = () => ({ status: 400, error: "no" });
  await server.deps.scheduler.check();
  await server.deps.scheduler.idle();
  for (const { method, path, answer } of OPERATIONS) {
    // A log is a text.
    if (method !== "get" || answer instanceof z.ZodString) continue;
    const externalId = path.startsWith("/volumes") ? "vol" : "ext";
    const known: Record<string, string> = { ...parameters, externalId };
    if (path.startsWith("/volume")) known["name"] = "disk";
    const called = path.replaceAll(/\{(\w+)\}/g, (_whole, name: string) => known[name] ?? "missing");
    const { status, body } = await server.call("GET", `${called}?workloadIds=box`);
    expect({ path, status }).toEqual({ path, status: 200 });
    if (path === "/openapi.json" || answer === undefined) continue;
    expect({ path, body: answer.parse(body) }).toEqual({ path, body });
  }
});

test("the description and its page are served below every prefix, to everybody", async () => {
  await using server = await startServer();
  const get = (path: string): Promise<Response> =>
    Promise.resolve(server.fetch(new Request(`http://localhost${path}`)));
  for (const prefix of ["/v0", "/api"]) {
    const description = await get(`${prefix}/openapi.json`);
    expect(await description.json()).toEqual(JSON.parse(JSON.stringify(openApiDocument())));
    const page = await get(`${prefix}/docs`);
    expect(page.headers.get("content-type")).toStartWith("text/html");
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'; script-src 'self'");
    const html = await page.text();
    const addresses = [...html.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, address = ""]) => address);
    expect(addresses).toHaveLength(4);
    for (const address of addresses.filter((address) => !address.startsWith("data:"))) {
      const asset = await get(new URL(address, `http://localhost${prefix}/docs`).pathname);
      expect({ address, status: asset.status }).toEqual({ address, status: 200 });
      expect((await asset.text()).length).toBeGreaterThan(50);
    }
  }
  expect((await get("/v0/docs/package.json")).status).toBe(404);
  expect((await get("/v0/docs/..%2Fpackage.json")).status).toBe(404);
});
