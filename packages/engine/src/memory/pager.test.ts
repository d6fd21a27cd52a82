import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { randomId } from "@dormouse/kernel";
import { type EngineSandbox, type EngineSandboxMemory, SandboxId } from "@dormouse/schema";
import { newSpec, noSwapReason, runInside, useEngine, useSwap } from "../../testkit/index.ts";
import { hostRoom } from "../admission.ts";
import type { Cgroups } from "../cgroups.ts";
import { Pager } from "./pager.ts";
import { memoryOf } from "./usage.ts";
import { swapDevices } from "./zram.ts";

const MIB = 2 ** 20;
const PAGE_OUT_AFTER_MS = 50;
const TEST_TIMEOUT_MS = 30_000;
const suite = useEngine({ pageOutAfterMs: PAGE_OUT_AFTER_MS });

/** With swap while it runs; skipped where the kernel cannot make any. */
function testWithSwap(name: string, run: () => Promise<void>): void {
  const reason = noSwapReason();
  const whole = async (): Promise<void> => {
    await using swap = await useSwap();
    expect(swap.device.usedBytes).toBe(0);
    await run();
  };
  test.skipIf(reason !== undefined)(reason === undefined ? name : `${name} (${reason})`, whole, TEST_TIMEOUT_MS);
}

/** Serves the SHA-256 of a buffer that it filled with noise at the start. */
const holderOf = (sizeMiB: number): string => `node -e '
  const { createHash, randomBytes } = require("node:crypto");
  const held = randomBytes(${sizeMiB} * 2 ** 20);
  require("node:http").createServer((_, response) => response.end(createHash("sha256").update(held).digest("hex"))).listen(3000);
'`;

async function createHolder(sizeMiB: number): Promise<EngineSandbox> {
  const sandbox = await suite.port.create(newSpec({ memoryMiB: 1024 }));
  const started = await fetch(`http://${sandbox.address}:8080/process`, {
    method: "POST",
    body: JSON.stringify({ command: holderOf(sizeMiB), waitForPorts: [3000] }),
  });
  expect(started.status).toBe(200);
  return sandbox;
}

const hashIn = async ({ address }: EngineSandbox): Promise<string> => (await fetch(`http://${address}:3000/`)).text();

async function untilMemory(
  { id }: EngineSandbox,
  isReached: (memory: EngineSandboxMemory) => boolean,
): Promise<EngineSandboxMemory> {
  for (;;) {
    const memory = await suite.port.memory(id);
    if (isReached(memory)) return memory;
    await Bun.sleep(5);
  }
}

/** What is in RAM and in swap as well, of the whole machine. */
const swapCachedBytes = (): number =>
  1024 * Number(/^SwapCached: +(\d+) kB/m.exec(readFileSync("/proc/meminfo", "utf8"))?.[1]);

const isPagedOut = (memory: EngineSandboxMemory): boolean => memory.isPagedOut;

/** The pager takes sandboxes in the order they fell asleep: when one that sleeps later has been paged out, so were all before. */
async function untilPagerWasThere(): Promise<void> {
  const later = await suite.port.create(newSpec());
  await suite.port.sleep(later.id);
  await untilMemory(later, isPagedOut);
  await suite.port.remove(later.id);
}

testWithSwap("memory of a sandbox that sleeps for long leaves, and is whole after the wake", async () => {
  const sandbox = await createHolder(100);
  const hash = await hashIn(sandbox);
  const awake = await suite.port.memory(sandbox.id);
  expect(awake.residentBytes).toBeGreaterThan(100 * MIB);
  expect(awake).toMatchObject({ swappedBytes: 0, isPagedOut: false });
  for (let round = 0; round < 2; round++) {
    await suite.port.sleep(sandbox.id);
    const asleep = await untilMemory(sandbox, isPagedOut);
    expect(asleep.swappedBytes).toBeGreaterThan(100 * MIB);
    expect(asleep.residentBytes).toBeLessThan(awake.residentBytes - 95 * MIB);
    expect((await suite.port.get(sandbox.id)).state).toBe("asleep");
    await suite.port.wake(sandbox.id);
    expect(await hashIn(sandbox)).toBe(hash);
  }
  await suite.port.remove(sandbox.id);
});

testWithSwap("a wake in the middle stops the page-out, also one the engine is not told of", async () => {
  const sandbox = await createHolder(200);
  const hash = await hashIn(sandbox);
  await suite.port.sleep(sandbox.id);
  await untilMemory(sandbox, ({ swappedBytes }) => swappedBytes > 20 * MIB);
  writeFileSync(sandbox.freezeFile, "0");
  const { swappedBytes } = await suite.port.memory(sandbox.id);
  for (let round = 0; round < 20; round++) await runInside(sandbox, "true");
  const later = await suite.port.memory(sandbox.id);
  expect(later.swappedBytes).toBeLessThanOrEqual(swappedBytes + MIB);
  expect(later.residentBytes).toBeGreaterThan(100 * MIB);
  expect(await hashIn(sandbox)).toBe(hash);
  await suite.port.remove(sandbox.id);
});

testWithSwap("the little that a wake brought back stays for the next one", async () => {
  const sandbox = await createHolder(50);
  await suite.port.sleep(sandbox.id);
  const first = await untilMemory(sandbox, isPagedOut);
  await suite.port.wake(sandbox.id);
  expect((await fetch(`http://${sandbox.address}:8080/health`)).status).toBe(200);
  await suite.port.sleep(sandbox.id);
  const again = await untilMemory(sandbox, isPagedOut);
  expect(again.swappedBytes).toBeLessThan(first.swappedBytes);
  await suite.port.wake(sandbox.id);
  await hashIn(sandbox);
  await suite.port.sleep(sandbox.id);
  expect((await untilMemory(sandbox, isPagedOut)).swappedBytes).toBeGreaterThan(50 * MIB);
  await suite.port.remove(sandbox.id);
});

testWithSwap(
  "memory that was used last time comes back beside the sandbox that wakes, before it asks for it",
  async () => {
    const sandbox = await createHolder(100);
    for (let round = 0; round < 2; round++) {
      await hashIn(sandbox);
      await suite.port.sleep(sandbox.id);
      await untilMemory(sandbox, isPagedOut);
      writeFileSync(sandbox.freezeFile, "0");
      if (round === 0) await hashIn(sandbox);
    }
    while (swapCachedBytes() < 90 * MIB) await Bun.sleep(5);
    expect((await suite.port.memory(sandbox.id)).swappedBytes).toBeGreaterThan(90 * MIB);
    await suite.port.remove(sandbox.id);
  },
);

test.skipIf(swapDevices().length > 0)(
  "without swap nothing is moved; once there is some, later sleeps use it",
  async () => {
    const sandbox = await suite.port.create(newSpec());
    await suite.port.sleep(sandbox.id);
    await Bun.sleep(2 * PAGE_OUT_AFTER_MS);
    expect(await suite.port.memory(sandbox.id)).toMatchObject({ swappedBytes: 0, isPagedOut: false });
    if (noSwapReason() === undefined) {
      await using swap = await useSwap();
      expect(swap.device.usedBytes).toBe(0);
      await untilPagerWasThere();
      expect(await suite.port.memory(sandbox.id)).toMatchObject({ swappedBytes: 0, isPagedOut: false });
      await suite.port.wake(sandbox.id);
      await suite.port.sleep(sandbox.id);
      await untilMemory(sandbox, isPagedOut);
    }
    await suite.port.remove(sandbox.id);
  },
  TEST_TIMEOUT_MS,
);

testWithSwap("a sandbox cannot use swap to have more memory than its limit", async () => {
  const sandbox = await suite.port.create(newSpec({ memoryMiB: 128 }));
  const { exitCode } = await runInside(sandbox, "head -c 300M /dev/urandom | tail -c 300M | wc -c | grep -q 314572800");
  expect(exitCode).not.toBe(0);
  expect((await suite.port.memory(sandbox.id)).swappedBytes).toBeLessThan(MIB);
  await suite.port.remove(sandbox.id);
});

testWithSwap("an engine that starts again pages out what it finds asleep", async () => {
  await suite.engine.stop();
  suite.engine = await suite.data.start({ pageOutAfterMs: 0 });
  const sandbox = await suite.port.create(newSpec());
  await suite.port.sleep(sandbox.id);
  await suite.engine.kill();
  suite.engine = await suite.data.start({ pageOutAfterMs: PAGE_OUT_AFTER_MS });
  await untilMemory(sandbox, isPagedOut);
  await suite.port.wake(sandbox.id);
  expect((await runInside(sandbox, "echo ok")).stdout).toBe("ok\n");
  await suite.port.remove(sandbox.id);
});

testWithSwap("where memory is short, a create makes sleepers leave theirs before they are due", async () => {
  await suite.engine.stop();
  const { availableMemoryMiB } = hostRoom(suite.data.dir);
  const admission = { memoryReserveMiB: Math.floor(availableMemoryMiB * 0.75) };
  suite.engine = await suite.data.start({ pageOutAfterMs: 3_600_000, admission });
  const sleepers = await Promise.all([1, 2].map(() => suite.port.create(newSpec())));
  for (const { id } of sleepers) await suite.port.sleep(id);
  const awake = await suite.port.create(newSpec());
  for (const sleeper of sleepers) await untilMemory(sleeper, isPagedOut);
  expect((await suite.port.memory(awake.id)).swappedBytes).toBe(0);
  for (const { id } of [...sleepers, awake]) await suite.port.remove(id);
});

testWithSwap("in a hurry it does not wait until the engine has nothing to do", async () => {
  const source = `globalThis.held = require("node:crypto").randomBytes(${20 * MIB}); console.log("held"); setInterval(() => {}, 2 ** 30);`;
  const child = Bun.spawn(["node", "-e", source], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    await child.stdout.getReader().read();
    const id = SandboxId.parse(randomId());
    const cgroups = { processIds: () => [child.pid], isFrozen: () => true, allowSwap: () => undefined };
    await using pager = new Pager({
      cgroups: cgroups as Partial<Cgroups> as Cgroups,
      afterMs: 3_600_000,
      isEngineBusy: () => true,
    });
    pager.sleepBegan(id);
    pager.hurry();
    while (!pager.isPagedOut(id)) await Bun.sleep(5);
    expect(memoryOf([child.pid]).swappedBytes).toBeGreaterThan(20 * MIB);
  } finally {
    child.kill();
    await child.exited;
  }
});
