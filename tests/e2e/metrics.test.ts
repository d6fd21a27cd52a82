import { expect, test } from "bun:test";
import { WebSocket } from "ws";
import { appServer } from "../support/app-server.ts";
import { parseExposition, type Scrape } from "../support/exposition.ts";
import { useDormouse } from "../support/suite.ts";

const METRICS_PORT = freePort();
const suite = useDormouse({
  DORMOUSE_IDLE_MS: "300",
  DORMOUSE_LOG: "info",
  DORMOUSE_METRICS_PORT: String(METRICS_PORT),
});

function freePort(): number {
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response() });
  const { port = 0 } = server;
  void server.stop(true);
  return port;
}

async function scrape(): Promise<Scrape> {
  const answer = await fetch(`http://127.0.0.1:${METRICS_PORT}/metrics`);
  expect(answer.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  return parseExposition(await answer.text());
}

/** The growth of each named series while `act` runs. */
async function growth(act: () => Promise<unknown>, names: readonly string[]): Promise<Record<string, number>> {
  const before = await scrape();
  await act();
  const after = await scrape();
  return Object.fromEntries(names.map((name) => [name, (after.get(name) ?? 0) - (before.get(name) ?? 0)]));
}

/** Resolves once `name` has this value. */
async function until(name: string, value: number): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if ((await scrape()).get(name) === value) return;
    await Bun.sleep(50);
  }
  throw new Error(`${name} is ${(await scrape()).get(name)}, not ${value}`);
}

const STATES = { awake: 'dormouse_sandboxes{state="awake"}', asleep: 'dormouse_sandboxes{state="asleep"}' };

test("a create, a sleep, a wake and a deletion move their counts, their histograms and the states", async () => {
  const { api } = suite;
  const created = await growth(
    () => api.create("counted"),
    [
      'dormouse_sandbox_creates_total{outcome="success",code=""}',
      "dormouse_sandbox_create_seconds_count",
      'dormouse_operations_total{operation="sandbox.create",outcome="success"}',
    ],
  );
  expect(Object.values(created)).toEqual([1, 1, 1]);
  await until(STATES.asleep, 1);
  const asleep = await scrape();
  expect(asleep.get('dormouse_sandbox_sleeps_total{outcome="success",code=""}')).toBeGreaterThanOrEqual(1);
  expect(asleep.get("dormouse_sandbox_sleep_seconds_sum")).toBeGreaterThan(0);
  expect(asleep.get(STATES.awake)).toBe(0);
  expect(asleep.get('dormouse_sandboxes_memory_bytes{place="resident"}')).toBeGreaterThan(1024 * 1024);
  const woken = await growth(
    () => api.run("counted", "true"),
    [
      'dormouse_sandbox_wakes_total{outcome="success",code=""}',
      "dormouse_sandbox_wake_seconds_count",
      'dormouse_gateway_requests_total{kind="sandbox",status="2xx"}',
      'dormouse_gateway_request_seconds_count{kind="sandbox"}',
    ],
  );
  expect(Object.values(woken)).toEqual([1, 1, 1, 1]);
  const removed = await growth(
    () => api.remove("counted"),
    ['dormouse_sandbox_deletes_total{outcome="success",code=""}'],
  );
  expect(Object.values(removed)).toEqual([1]);
});

test("failures are counted by code, the gateway's and the API's apart", async () => {
  const { api } = suite;
  const failed = await growth(
    () =>
      Promise.all([
        fetch(`${suite.dormouse.url}/preview/nobody/`),
        api.call("GET", "/sandboxes/nobody"),
        api.call("POST", "/sandboxes", {
          body: { metadata: { name: "broken" }, spec: { runtime: { image: "none" } } },
        }),
      ]),
    [
      'dormouse_errors_total{source="gateway",code="ROUTE_NOT_FOUND"}',
      'dormouse_gateway_requests_total{kind="preview",status="4xx"}',
      'dormouse_errors_total{source="api",code="SANDBOX_NOT_FOUND"}',
      'dormouse_errors_total{source="api",code="INVALID_IMAGE"}',
      'dormouse_sandbox_creates_total{outcome="failure",code="INVALID_IMAGE"}',
      'dormouse_api_requests_total{status="4xx"}',
      "dormouse_sandbox_create_seconds_count",
    ],
  );
  expect(Object.values(failed)).toEqual([1, 1, 1, 1, 1, 2, 0]);
});

test("WebSockets and streams are counted while they are open", async () => {
  const { api } = suite;
  await api.create("open");
  await appServer(api, "open", 3000);
  const url = `${api.sandboxUrl("open").replace("http", "ws")}/port/3000/echo`;
  const open = 'dormouse_gateway_open_connections{type="websocket"}';
  const upgrades = await growth(async () => {
    const socket = new WebSocket(url, { headers: { authorization: `Bearer ${api.key}` } });
    await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
    await until(open, 1);
    socket.close();
    await until(open, 0);
  }, ['dormouse_gateway_requests_total{kind="sandbox",status="1xx"}']);
  expect(Object.values(upgrades)).toEqual([1]);
  const closing = new AbortController();
  await api.fetch("open", "/port/3000/silent-stream", { signal: closing.signal });
  await until('dormouse_gateway_open_connections{type="stream"}', 1);
  closing.abort();
  await until('dormouse_gateway_open_connections{type="stream"}', 0);
  await api.remove("open");
});

test("on the port the world reaches they are for administrators of the first workspace", async () => {
  const { api, dormouse } = suite;
  const statusWith = async (headers: Record<string, string>): Promise<number> =>
    (await fetch(`${dormouse.url}/metrics`, { headers })).status;
  expect(await statusWith({})).toBe(401);
  expect(await statusWith({ "X-Forwarded-For": "127.0.0.1" })).toBe(401);
  expect(await statusWith({ authorization: "Bearer dm_guess" })).toBe(401);
  expect(await statusWith({ authorization: `Bearer ${api.key}` })).toBe(200);
  const member = { metadata: { name: "reader" }, role: "member" };
  const account = await api.call<{ client_id: string }>("POST", "/service_accounts", {
    body: { name: "reader", ...member },
  });
  const keys = `/service_accounts/${account.body.client_id}/api_keys`;
  const key = await api.call<{ apiKey: string }>("POST", keys, { body: { name: "reader" } });
  expect(await statusWith({ authorization: `Bearer ${key.body.apiKey}` })).toBe(403);
});

test("a preview keeps the /metrics of its own app, on its host and on its path", async () => {
  const { api, dormouse } = suite;
  await api.create("exporter");
  await appServer(api, "exporter", 3000);
  const { spec } = await api.createPreview("exporter", { port: 3000, public: true }, "web");
  const { host, port } = { host: new URL(spec.url ?? "").host, port: new URL(dormouse.url).port };
  const onHost = await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { host } });
  expect(await onHost.text()).toBe("the app has no /metrics");
  const onPath = await fetch(`${dormouse.url}/preview/${host.split(".")[0]}/metrics`);
  expect(await onPath.text()).toBe("the app has no /metrics");
  await api.remove("exporter");
});

test("the port of loopback answers to no other name, which a page in a browser could give it", async () => {
  const headers = { host: "rebound.example.com" };
  expect((await fetch(`http://127.0.0.1:${METRICS_PORT}/metrics`, { headers })).status).toBe(403);
  expect((await fetch(`http://127.0.0.1:${METRICS_PORT}/v0/sandboxes`)).status).toBe(404);
});

test("an engine that does not answer is down, and the server's metrics come all the same", async () => {
  const enginePid = suite.dormouse.pids.engine();
  process.kill(enginePid, "SIGSTOP");
  try {
    const silent = await scrape();
    expect(silent.get("dormouse_engine_up")).toBe(0);
    expect(silent.get("process_resident_memory_bytes")).toBeGreaterThan(1024 * 1024);
  } finally {
    process.kill(enginePid, "SIGCONT");
  }
  await until("dormouse_engine_up", 1);
});

test("an operation leaves one line in the log, with the same id from create to delete and without a secret", async () => {
  const { api, dormouse } = suite;
  const secret = "a-secret-of-the-user";
  await api.create("logged", { runtime: { envs: [{ name: "KEY", value: secret, secret: true }] } });
  await until(STATES.asleep, 1);
  await api.run("logged", `echo ${secret}`);
  await api.createPreview("logged", { port: 3000, public: false }, "web");
  const token = await api.createToken("logged", "web");
  await api.remove("logged");
  const removed = '"event":"sandbox.delete","sandbox":"logged"';
  while (!dormouse.output().includes(removed)) await Bun.sleep(10);
  const lines = dormouse
    .output()
    .split("\n")
    .filter((line) => line.startsWith("{"));
  const events = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  const created = events.find(({ event, sandbox }) => event === "sandbox.create" && sandbox === "logged");
  expect(created).toMatchObject({ outcome: "success", durationMs: expect.any(Number), requestId: expect.any(String) });
  const ofSandbox = events.filter(
    ({ sandboxId, sandbox }) => sandboxId === created?.["sandboxId"] || sandbox === "logged",
  );
  const names = ofSandbox.map(({ event }) => String(event)).filter((name) => !/sleep|wake/.test(name));
  expect(names).toEqual(["sandbox.create", "preview.create", "preview.token.create", "sandbox.delete"]);
  expect(ofSandbox.map(({ event }) => event)).toContain("sandbox.wake");
  for (const hidden of [secret, token, api.key]) expect(dormouse.output()).not.toContain(hidden);
});
