import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { AppError } from "@dormouse/kernel";
import { failure, newSpec, runInside, useEngine } from "../testkit/index.ts";
import { admitCreate, admitRestart, defaultPolicy, hostRoom, type HostRoom, type Load } from "./admission.ts";

const ROOMY: HostRoom = { memoryMiB: 24_000, availableMemoryMiB: 20_000, freeDiskMiB: 50_000 };
const EMPTY: Load = { sandboxCount: 0, startingCount: 0, memoryLimitMiB: 0 };
const POLICY = defaultPolicy(ROOMY.memoryMiB);

function refusal(room: Partial<HostRoom>, load: Partial<Load>, memoryLimitMiB = 4096): AppError {
  try {
    admitCreate(POLICY, { ...ROOMY, ...room }, { ...EMPTY, ...load }, memoryLimitMiB);
  } catch (error) {
    return error as AppError;
  }
  throw new Error("it was admitted");
}

test("by default a thousand sandboxes of the stock SDK fit on 24 GiB", () => {
  expect(() =>
    admitCreate(POLICY, ROOMY, { ...EMPTY, sandboxCount: 999, memoryLimitMiB: 999 * 4096 }, 4096),
  ).not.toThrow();
});

test("a refusal names the resource that is used up and the next step, and when to come back", () => {
  const refusals = [
    refusal({}, { sandboxCount: 2000 }),
    refusal({}, { memoryLimitMiB: 4_799_000 }),
    refusal({ availableMemoryMiB: 1215 }, {}),
    refusal({ freeDiskMiB: 1023 }, {}),
  ];
  expect(refusals.map(({ details }) => details["resource"])).toEqual(["count", "memory-limits", "memory", "disk"]);
  for (const error of refusals) expect(error).toMatchObject({ code: "HOST_FULL", status: 503, retryAfterS: 5 });
  expect(refusals[2]?.message).toBe(
    "Cannot create a sandbox: 1215 MiB of memory are available, and 1216 MiB are needed",
  );
  expect(refusals[3]?.hint).toContain("larger disk");
});

test("sandboxes that start right now count, though their memory does not show yet", () => {
  const room = { availableMemoryMiB: POLICY.memoryReserveMiB + 5 * 16 };
  expect(() => admitCreate(POLICY, { ...ROOMY, ...room }, { ...EMPTY, startingCount: 4 }, 4096)).not.toThrow();
  expect(refusal(room, { startingCount: 5 }).details["resource"]).toBe("memory");
});

test("one that starts again may use half of what is kept free of new ones", () => {
  const room = { ...ROOMY, availableMemoryMiB: 616 };
  expect(() => admitRestart(POLICY, room)).not.toThrow();
  expect(() => admitRestart(POLICY, { ...room, availableMemoryMiB: 615 })).toThrow("Cannot wake the sandbox");
});

const suite = useEngine();

test("a host that is full refuses creates and leaves nothing of them; what is there goes on, sleeps, wakes and starts again", async () => {
  const sandbox = await suite.port.create(newSpec());
  await suite.engine.stop();
  const reserveMiB = Math.floor(hostRoom(suite.data.dir).availableMemoryMiB * 1.5);
  suite.engine = await suite.data.start({ admission: { memoryReserveMiB: reserveMiB } });
  const refused = newSpec();
  expect(await failure(suite.port.create(refused))).toMatchObject({
    code: "HOST_FULL",
    details: { resource: "memory" },
    retryAfterS: 5,
  });
  expect(readdirSync(join(suite.data.dir, "sandboxes"))).toEqual([sandbox.id]);
  expect((await failure(suite.port.get(refused.id))).code).toBe("SANDBOX_NOT_FOUND");
  expect((await failure(suite.port.assertRoom(sandbox.id, 512))).code).toBe("HOST_FULL");
  await suite.port.sleep(sandbox.id);
  expect((await suite.port.wake(sandbox.id)).state).toBe("running");
  const run = JSON.parse(readFileSync(join(suite.data.dir, "sandboxes", sandbox.id, "run.json"), "utf8")) as {
    initPid: number;
  };
  process.kill(run.initPid, "SIGKILL");
  while ((await suite.port.get(sandbox.id)).state !== "stopped") await new Promise((resolve) => setImmediate(resolve));
  const again = await suite.port.wake(sandbox.id);
  expect((await runInside(again, "echo again")).stdout).toBe("again\n");
  await suite.port.remove(sandbox.id);
}, 30_000);

test("no more sandboxes than the policy says, however many are asked for at once", async () => {
  await suite.engine.stop();
  suite.engine = await suite.data.start({ admission: { maxSandboxCount: 2 } });
  const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => suite.port.create(newSpec())));
  const created = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
  expect(created).toHaveLength(2);
  for (const outcome of outcomes) {
    if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ details: { resource: "count" } });
  }
  for (const { id } of created) await suite.port.assertRoom(id, 512);
  await Promise.all(created.map(({ id }) => suite.port.remove(id)));
  const next = await suite.port.create(newSpec());
  await suite.port.remove(next.id);
}, 30_000);
