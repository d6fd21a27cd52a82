import { expect, test } from "bun:test";
import type { SandboxActivity } from "@dormouse/schema";
import { WebSocket } from "ws";
import { appServer } from "../support/app-server.ts";
import { useDormouse } from "../support/suite.ts";

const IDLE_MS = 300;
const suite = useDormouse({ DORMOUSE_IDLE_MS: String(IDLE_MS) });
const MUCH_LONGER_MS = IDLE_MS * 5;

async function activityOf(name: string): Promise<SandboxActivity> {
  return (await suite.api.call<SandboxActivity>("GET", `/sandboxes/${name}/activity`)).body;
}

const update = (name: string, lifecycle: unknown) =>
  suite.api.call("PUT", `/sandboxes/${name}`, { body: { spec: { lifecycle } } });

test("a sandbox that never sleeps stays awake, also over a restart of the server, and sleeps as soon as an update lets it", async () => {
  const { api } = suite;
  await api.create("insomniac", { lifecycle: { idleTimeout: "never" } });
  await Bun.sleep(MUCH_LONGER_MS);
  expect(await activityOf("insomniac")).toMatchObject({
    state: "RUNNING",
    reason: "never-sleeps",
    idleTimeoutMs: null,
  });
  await suite.dormouse.stop();
  await suite.startAgain();
  await Bun.sleep(MUCH_LONGER_MS);
  expect((await suite.api.get("insomniac")).state).toBe("RUNNING");
  await update("insomniac", null);
  await suite.api.untilState("insomniac", "STANDBY");
  await update("insomniac", { idleTimeout: "never" });
  await suite.api.untilState("insomniac", "RUNNING");
  await suite.api.remove("insomniac");
});

test("the activity tells what holds a sandbox awake, and of one asleep since when, without waking it", async () => {
  const { api } = suite;
  await api.create("watched", { lifecycle: { idleTimeout: "1s" } });
  await appServer(api, "watched", 3000);
  const base = api.sandboxUrl("watched").replace("http", "ws");
  const connect = async (path: string): Promise<WebSocket> => {
    const socket = new WebSocket(`${base}${path}`, { headers: { authorization: `Bearer ${api.key}` } });
    await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
    return socket;
  };
  const sockets = [await connect("/port/3000/echo"), await connect("/terminal/ws")];
  await api.process("watched", { name: "worker", command: "sleep 1000", keepAlive: true, timeout: 0 });
  const busy = await activityOf("watched");
  expect(busy).toMatchObject({
    state: "RUNNING",
    reason: "in-use",
    idleTimeoutMs: 1000,
    open: { requests: 0, streams: 0, webSockets: 1, terminals: 1 },
    keepAliveProcesses: 1,
    memory: { isPagedOut: false },
  });
  expect(busy.memory?.residentBytes).toBeGreaterThan(1_000_000);
  for (const socket of sockets) socket.close();
  await Bun.sleep(MUCH_LONGER_MS);
  expect(await activityOf("watched")).toMatchObject({ state: "RUNNING", reason: "kept-alive", keepAliveProcesses: 1 });
  await api.text("watched", "/process/worker/kill", { method: "DELETE" });
  await api.untilState("watched", "STANDBY");
  const asleep = await activityOf("watched");
  expect(asleep).toMatchObject({ state: "STANDBY", reason: "idle" });
  expect(Date.parse(asleep.since ?? "")).toBeGreaterThan(Date.parse(asleep.lastUsedAt));
  expect((await activityOf("watched")).state).toBe("STANDBY");
  await api.remove("watched");
});
