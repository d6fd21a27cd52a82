import { expect, test } from "bun:test";
import type { AgentHealth } from "@dormouse/schema";
import { startTestAgent } from "./testing/agent.ts";

const COMMON = {
  "access-control-allow-origin": "*",
  "access-control-allow-methods": "GET, POST, PUT, DELETE, HEAD, OPTIONS",
  "access-control-allow-headers": "Content-Type, Authorization",
  "cache-control": "no-cache, no-store, must-revalidate",
  pragma: "no-cache",
  expires: "0",
  "x-content-type-options": "nosniff",
};

test("R-51: every answer carries the CORS and no-cache headers, errors too", async () => {
  await using agent = startTestAgent();
  for (const path of ["/", "/health", "/nothing", "/process/x", "/filesystem/", "/filesystem/x"]) {
    const response = await agent.request(path);
    expect(Object.fromEntries(response.headers)).toMatchObject(COMMON);
  }
});

test("OPTIONS answers 204 on any path", async () => {
  await using agent = startTestAgent();
  for (const path of ["/", "/process", "/no/such/route"]) {
    const response = await agent.request(path, { method: "OPTIONS" });
    expect([response.status, await response.text()]).toEqual([204, ""]);
    expect(Object.fromEntries(response.headers)).toMatchObject(COMMON);
  }
});

test("HEAD answers 200 on every GET route, whether the resource exists or not, and 404 elsewhere", async () => {
  await using agent = startTestAgent();
  const statusOf = async (path: string) => (await agent.request(path, { method: "HEAD" })).status;
  for (const path of ["/health", "/process", "/process/x", "/process/x/logs/stream", "/filesystem/no/such"]) {
    expect([path, await statusOf(path)]).toEqual([path, 200]);
  }
  for (const path of ["/", "/nothing"]) expect([path, await statusOf(path)]).toEqual([path, 404]);
});

test("unknown paths and wrong methods are the same plain 404", async () => {
  await using agent = startTestAgent();
  for (const [method, path] of [
    ["GET", "/nothing"] as const,
    ["PUT", "/process"] as const,
    ["POST", "/health"] as const,
  ]) {
    const response = await agent.request(path, { method });
    expect([response.status, await response.text()]).toEqual([404, "404 page not found"]);
    expect(response.headers.get("content-type")).toStartWith("text/plain");
  }
});

test("a path that differs by its last slash is redirected", async () => {
  await using agent = startTestAgent();
  const redirectOf = async (path: string, method = "GET") => {
    const response = await agent.request(path, { method, redirect: "manual" });
    return [response.status, response.headers.get("location")];
  };
  expect(await redirectOf("/process/?a=b")).toEqual([301, "/process?a=b"]);
  expect(await redirectOf("/filesystem")).toEqual([301, "/filesystem/"]);
  expect(await redirectOf("/process/", "POST")).toEqual([307, "/process"]);
});

test("the root welcomes any method", async () => {
  await using agent = startTestAgent();
  for (const method of ["GET", "POST", "DELETE", "PATCH"]) {
    const response = await agent.request("/", { method });
    expect(await response.json()).toMatchObject({ message: "Welcome to your Blaxel Sandbox" });
  }
});

test("health says who it is and since when", async () => {
  await using agent = startTestAgent();
  const health = (await (await agent.request("/health")).json()) as AgentHealth;
  expect(health).toMatchObject({ status: "ok", version: "0.0.0", os: "linux", uptime: "0s", upgradeCount: 0 });
  expect(Date.parse(health.startedAt)).toBeCloseTo(Date.now(), -5);
});

test("the API listens on both IP families", async () => {
  await using agent = startTestAgent();
  for (const host of ["127.0.0.1", "[::1]"]) {
    expect((await fetch(`http://${host}:${agent.api.port}/health`)).status).toBe(200);
  }
});
