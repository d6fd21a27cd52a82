import { SandboxInstance } from "@blaxel/core";
import { caught, report, until } from "./report.mjs";

const seen = {};
const image = "blaxel/base-image:latest";
const statusOf = async (name) => (await SandboxInstance.get(name)).status;
const ended = (name) => until(async () => (await statusOf(name)) === "TERMINATED");
const secondsSince = (startedAtMs) => (Date.now() - startedAtMs) / 1000;

// Each limit by itself, all at once; how long each sandbox lived, in seconds.
const limits = {
  ttl: { ttl: "2s" },
  expires: { expires: new Date(Date.now() + 3000) },
  "max-age": { lifecycle: { expirationPolicies: [{ type: "ttl-max-age", value: "2s", action: "delete" }] } },
  idle: { lifecycle: { expirationPolicies: [{ type: "ttl-idle", value: "2s", action: "delete" }] } },
  first: { ttl: "1h", lifecycle: { expirationPolicies: [{ type: "ttl-max-age", value: "2s", action: "delete" }] } },
};
const lives = Object.entries(limits).map(async ([name, limit]) => {
  const created = await SandboxInstance.create({ name: `limit-${name}`, image, memory: 512, ...limit });
  const createdAtMs = Date.parse(created.metadata.createdAt);
  await ended(`limit-${name}`);
  return [name, secondsSince(createdAtMs)];
});

// Used all the time, it is not idle; left alone, it is.
const busy = await SandboxInstance.create({ name: "busy", image, memory: 512, lifecycle: limits.idle.lifecycle });
await busy.process.exec({ command: "sleep 4", waitForCompletion: true });
const doneAtMs = Date.now();
seen.busyAfterUse = await statusOf("busy");
await ended("busy");
seen.idleSeconds = secondsSince(doneAtMs);
seen.livedSeconds = Object.fromEntries(await Promise.all(lives));

const terminated = await SandboxInstance.get("limit-ttl");
seen.terminated = { status: terminated.status, why: terminated.events.at(-1).message };
seen.terminatedCall = (await caught(terminated.process.list())).status;
seen.hidden = (await SandboxInstance.list()).data.length;
seen.shown = (await SandboxInstance.list({ showTerminated: true })).data
  .map(({ metadata }) => metadata.name)
  .toSorted();

// The name is free for both ways to create, and a user's deletion takes all records of it.
const again = await SandboxInstance.createIfNotExists({ name: "limit-ttl", image, memory: 512 });
seen.again = { status: again.status, expiresIn: again.expiresIn ?? null };
seen.createdOver = (await SandboxInstance.create({ name: "limit-idle", image, memory: 512 })).status;
await SandboxInstance.delete("limit-idle");
seen.afterDelete = (await caught(SandboxInstance.get("limit-idle"))).code;

// Changed and cleared without a restart.
await again.fs.write("/tmp/kept", "kept");
seen.ttlSet = (await SandboxInstance.updateTtl("limit-ttl", "30m")).expiresIn;
seen.ttlCleared = (await SandboxInstance.updateTtl("limit-ttl", null)).expiresIn ?? null;
await SandboxInstance.updateTtl("limit-ttl", "30m");
seen.ttlEmptied = (await SandboxInstance.updateTtl("limit-ttl", "")).expiresIn ?? null;
const lifecycle = { expirationPolicies: [{ type: "ttl-idle", value: "1h", action: "delete" }] };
seen.lifecycleSet = (await SandboxInstance.updateLifecycle("limit-ttl", lifecycle)).expiresIn;
seen.lifecycleCleared = (await SandboxInstance.updateLifecycle("limit-ttl", null)).expiresIn ?? null;
const asleepAfter = async (idleTimeout) =>
  (await SandboxInstance.updateLifecycle("limit-ttl", { idleTimeout })).spec.lifecycle.idleTimeout;
seen.idleTimes = [await asleepAfter("never"), await asleepAfter("2h")];
const restless = await SandboxInstance.create({
  name: "restless",
  image,
  memory: 512,
  lifecycle: { idleTimeout: "never" },
});
seen.idleTimes.push(restless.spec.lifecycle.idleTimeout);
await SandboxInstance.delete("restless");
seen.kept = await again.fs.read("/tmp/kept");
const shortened = await SandboxInstance.updateTtl("limit-ttl", "1s");
await ended(shortened.metadata.name);
seen.shortened = "TERMINATED";

seen.badTtl = await caught(SandboxInstance.create({ name: "bad", image, ttl: "soon" }));
seen.badType = await caught(
  SandboxInstance.create({ name: "bad", image, lifecycle: { expirationPolicies: [{ type: "never", value: "1s" }] } }),
);

// Clients that meet at the moment of expiry all get one sandbox that lives.
await SandboxInstance.create({ name: "moment", image, memory: 512, ttl: "1s" });
const meeting = [];
for (let delayMs = 0; delayMs < 1500; delayMs += 50) {
  await new Promise((resolve) => setTimeout(resolve, 50));
  meeting.push(SandboxInstance.createIfNotExists({ name: "moment", image, memory: 512 }));
}
const met = await Promise.all(meeting);
seen.met = new Set(met.map(({ metadata }) => metadata.createdAt)).size;
seen.metAlive = (await met.at(-1).process.exec({ command: "echo alive", waitForCompletion: true })).logs;
await SandboxInstance.delete("moment");

report(seen);
