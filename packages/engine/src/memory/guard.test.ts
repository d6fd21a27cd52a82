import { expect, test } from "bun:test";
import { channel } from "node:diagnostics_channel";
import { EngineImageId, SandboxId } from "@dormouse/schema";
import { newSpec, runInside, useEngine } from "../../testkit/index.ts";
import { buildGroup, type GroupId } from "../cgroups.ts";
import { MemoryGuard } from "./guard.ts";

const TEST_TIMEOUT_MS = 120_000;
const suite = useEngine();

/**
 * Takes memory as long as it gets on, and hardly any more when it does not: the kernel seldom has to end it, but what is left is too
 * little for its own program, whose pages are a file of its sandbox.
 */
const GREEDY = `cp "$(command -v node)" /root/greedy; exec /root/greedy -e '
  const held = [];
  let lastAtMs = Date.now();
  let lateCount = 0;
  setInterval(() => {
    const isLate = Date.now() - lastAtMs > 100;
    if (isLate) lateCount++;
    if (!isLate || lateCount % 10 === 0) held.push(Buffer.alloc(1024 * 1024, held.length));
    for (const buffer of held) buffer[0]++;
    lastAtMs = Date.now();
  }, 10);
'`;

test(
  "a program that makes its sandbox hang at the memory limit is ended, and the sandbox answers again",
  async () => {
    const sandbox = await suite.port.create(newSpec({ memoryMiB: 256 }));
    const neighbour = await suite.port.create(newSpec());
    const url = `http://${sandbox.address}:8080/process`;
    await fetch(url, { method: "POST", body: JSON.stringify({ name: "greedy", command: GREEDY }) });
    let status = "running";
    while (status === "running") {
      await Bun.sleep(250);
      status = (await greedyProcess(url))?.status ?? status;
    }
    expect(status).toBe("failed");
    expect((await runInside(sandbox, "echo alive")).stdout).toBe("alive\n");
    expect((await suite.port.memory(neighbour.id)).lastEnd).toBeUndefined();
    const { lastEnd } = await suite.port.memory(sandbox.id);
    // At the edge the kernel may have been first, which is as well.
    if (lastEnd !== undefined) expect(lastEnd.program).toBe("/root/greedy");
    await suite.port.remove(sandbox.id);
    await suite.port.remove(neighbour.id);
  },
  TEST_TIMEOUT_MS,
);

/** `undefined` while the API inside does not get on. */
const greedyProcess = (url: string): Promise<{ status: string } | undefined> =>
  fetch(`${url}/greedy`, { signal: AbortSignal.timeout(2000) })
    .then(async (answer) => (await answer.json()) as { status: string })
    .catch(() => undefined);

const SANDBOX = SandboxId.parse("box000001");
const BUILD = buildGroup(EngineImageId.parse("image0000001"));
const LOOK_MS = 20;

/** Processes of ours, one of them large, as those of a sandbox or a build that stalls for memory this share of the time. */
async function stalledBox(fullShare: number, usedShare: number, id: GroupId = SANDBOX) {
  const small = Bun.spawn(["sleep", "60"]);
  const large = Bun.spawn([
    process.execPath,
    "-e",
    "globalThis.held = Buffer.alloc(64 * 2 ** 20, 1); setInterval(() => held[0]++, 1000); console.log('large')",
  ]);
  await large.stdout.getReader().read();
  const stalledMs = (): number => performance.now() * fullShare;
  const cgroups = {
    ids: () => [id],
    processIds: () => [small.pid, large.pid],
    memoryStallMs: () => ({ some: performance.now(), full: stalledMs() }),
    usedMemoryShare: () => usedShare,
  };
  return { cgroups, small, large, end: () => (small.kill(), large.kill()) };
}

test.each([
  ["sandbox", SANDBOX],
  ["build", BUILD],
])("of a %s that is stalled at its limit the largest program is ended, and the event says which", async (_, id) => {
  const { cgroups, small, large, end } = await stalledBox(0.9, 1, id);
  const events: unknown[] = [];
  const note = (event: unknown): void => void events.push(event);
  channel("dormouse.engine.memory").subscribe(note);
  using guard = new MemoryGuard(cgroups, LOOK_MS);
  await large.exited;
  expect(large.signalCode).toBe("SIGKILL");
  expect(small.exitCode ?? small.signalCode).toBeNull();
  expect(guard.lastEnd(id)?.program).toBe(process.execPath);
  expect(events[0]).toMatchObject({ group: id, pid: large.pid, program: process.execPath });
  channel("dormouse.engine.memory").unsubscribe(note);
  end();
});

test.each([
  ["stalls less than a third of the time", 0.25, 1],
  ["has memory left", 0.9, 0.9],
])("one that %s is left alone", async (_, fullShare, usedShare) => {
  const { cgroups, large, end } = await stalledBox(fullShare, usedShare);
  using guard = new MemoryGuard(cgroups, LOOK_MS);
  await Bun.sleep(LOOK_MS * 10);
  expect(large.exitCode ?? large.signalCode).toBeNull();
  expect(guard.lastEnd(SANDBOX)).toBeUndefined();
  end();
});
