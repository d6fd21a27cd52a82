import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { compactZram, instanceDir, instanceName, usedRamBytes } from "@dormouse/engine";
import { connectEngine } from "@dormouse/engine/client";
import { noSwapReason, type TestSwap, useSwap } from "@dormouse/engine/testkit";
import type { EnginePort, EngineSandbox } from "@dormouse/schema";
import type { Api, Sandbox } from "./api.ts";
import type { BenchContext } from "./context.ts";
import { atMost, type Figure, ms, summaryText, withFloor } from "./figure.ts";
import { median, round, summarize, timeMs } from "./stats.ts";

const PORT = 3000;
const MIB = 2 ** 20;
const WORKING_SET_MIB = 64;
const LOOK_AGAIN_MS = 20;
/** Some share what no sandbox needs twice, so a sandbox alone would look dearer than it is. */
const SANDBOX_COUNT = 8;

/** A Node server that does nothing until it is asked. */
export const IDLE_SERVER = `require("node:http").createServer((_, response) => response.end("ok")).listen(${PORT})`;
/** Holds text that compresses as such data does, and looks at every page of it for each request. */
const WALKER = `
  const { randomBytes } = require("node:crypto");
  const held = Buffer.alloc(${WORKING_SET_MIB} * 2 ** 20, "a line of some log that is not all noise\\n");
  for (let at = 0; at < held.length; at += 4096) randomBytes(1024).copy(held, at);
  require("node:http").createServer((_, response) => {
    let sum = 0;
    for (let at = 0; at < held.length; at += 4096) sum += held[at];
    response.end("ok");
  }).listen(${PORT})`;

interface Bench extends BenchContext {
  readonly engine: EnginePort;
  readonly swap: TestSwap;
}

/** Sandboxes whose memory is in swap: what they cost there, and how soon they answer. Needs a Dormouse that pages out soon. */
export async function benchDeepSleep(context: BenchContext): Promise<Figure[]> {
  const reason = noSwapReason();
  if (reason !== undefined) {
    console.log(`deep sleep: not measured, as ${reason}`);
    return [];
  }
  await using swap = await useSwap(4096 * MIB);
  const bench = { ...context, engine: engineOf(context), swap };
  return [...(await benchShells(bench)), ...(await benchNodes(bench)), await benchWorkingSet(bench)];
}

async function benchShells(bench: Bench): Promise<Figure[]> {
  await using shells = await createAll(bench.api, "shell", (shell) => shell.exec("true").then(() => undefined));
  await untilPagedOut(bench.engine);
  for (const shell of shells.all) await shell.exec("true");
  await untilPagedOut(bench.engine);
  return [await sleepFigure(bench, { key: "sleep_bytes_shell", title: "asleep, a shell", limitMib: 3 })];
}

async function benchNodes(bench: Bench): Promise<Figure[]> {
  const { api } = bench;
  await using nodes = await createAll(api, "node", (node) => serve(node, IDLE_SERVER));
  const first: number[] = [];
  const later: number[] = [];
  const floors: number[] = [];
  for (let turn = 0; turn < (bench.isQuick ? 3 : 12); turn++) {
    await untilPagedOut(bench.engine);
    for (const node of nodes.all) {
      (turn === 0 ? first : later).push(await answerMs(api, node));
      floors.push(await answerMs(api, node));
    }
  }
  await untilPagedOut(bench.engine);
  const summary = summarize(later);
  const wake: Figure = {
    key: "wake_paged_ms",
    value: { ...withFloor(summary, median(floors)), first_p50: round(median(first)) },
    title: "wake → first byte, paged out",
    text: `${summaryText(summary)}; the very first ${ms(median(first))}`,
    beside: `floor ${ms(median(floors))} (awake, through the gateway), ratio ${round(summary.p50 / median(floors))}×`,
    targets: [atMost(summary.p50, 5, "p50 ≤ 5 ms"), atMost(summary.p99, 25, "p99 ≤ 25 ms")],
  };
  return [
    wake,
    await sleepFigure(bench, { key: "sleep_bytes_node", title: "asleep, an idle Node server", limitMib: 10 }),
  ];
}

async function benchWorkingSet(bench: Bench): Promise<Figure> {
  const { api } = bench;
  await using walker = await api.create("walker");
  await serve(walker, WALKER);
  const walks: number[] = [];
  const floors: number[] = [];
  for (let turn = 0; turn < (bench.isQuick ? 3 : 10); turn++) {
    await untilPagedOut(bench.engine);
    walks.push(await answerMs(api, walker));
    floors.push(await answerMs(api, walker));
  }
  const summary = summarize(walks);
  return {
    key: "working_set_64mib_ms",
    value: withFloor(summary, median(floors)),
    title: `wake and walk ${WORKING_SET_MIB} MiB, paged out`,
    text: summaryText(summary),
    beside: `floor ${ms(median(floors))} (awake)`,
    targets: [atMost(summary.p99, 60, "p99 ≤ 60 ms")],
  };
}

interface Sandboxes extends AsyncDisposable {
  readonly all: readonly Sandbox[];
}

async function createAll(api: Api, name: string, prepare: (sandbox: Sandbox) => Promise<void>): Promise<Sandboxes> {
  const all: Sandbox[] = [];
  for (let index = 0; index < SANDBOX_COUNT; index++) all.push(await api.create(`${name}-${index}`));
  for (const sandbox of all) await prepare(sandbox);
  return {
    all,
    async [Symbol.asyncDispose]() {
      for (const sandbox of all) await sandbox.remove();
    },
  };
}

/** Starts a server in a sandbox; resolves when it listens. */
export async function serve(sandbox: Sandbox, program: string): Promise<void> {
  await sandbox.exec(`node -e '${program}'`, { name: "web", waitForPorts: [PORT] });
}

/** How long such a server's answer takes, through the gateway. */
export async function answerMs(api: Api, sandbox: Sandbox): Promise<number> {
  let response: Response | undefined;
  const tookMs = await timeMs(async () => (response = await api.fetch(`${sandbox.url}/port/${PORT}/`)));
  const text = await response?.text();
  if (text !== "ok") throw new Error(`Cannot measure the wake: the server answered ${response?.status} "${text}"`);
  return tookMs;
}

/** The engine of the Dormouse that is measured. */
export const engineOf = ({ dormouse }: BenchContext): EnginePort =>
  connectEngine(join(instanceDir(instanceName(dormouse.dataDir)), "engine.sock"));

/** Resolves when every sandbox sleeps without its memory. */
export async function untilPagedOut(engine: EnginePort): Promise<void> {
  for (const { id } of await engine.list()) {
    while (!(await engine.memory(id)).isPagedOut) await delay(LOOK_AGAIN_MS);
  }
}

interface SleepKind {
  readonly key: string;
  readonly title: string;
  readonly limitMib: number;
}

/** All that exists because of one of the sandboxes that are asleep now; programs and libraries they share are told beside it. */
async function sleepFigure({ engine, dormouse, swap }: Bench, { key, title, limitMib }: SleepKind): Promise<Figure> {
  await compactZram();
  const sandboxes = await engine.list();
  const inRam = sandboxes.map((sandbox) => heldBytes(instanceName(dormouse.dataDir), sandbox));
  const mean = (pick: (held: Held) => number): number =>
    inRam.reduce((sum, held) => sum + pick(held), 0) / sandboxes.length / MIB;
  const [ownMib, sharedMib, kernelMib] = [
    mean((held) => held.own),
    mean((held) => held.shared),
    mean((held) => held.kernel),
  ];
  const compressedMib = usedRamBytes(swap.device) / sandboxes.length / MIB;
  let swappedMib = 0;
  for (const { id } of sandboxes) swappedMib += (await engine.memory(id)).swappedBytes / sandboxes.length / MIB;
  const allMib = ownMib + compressedMib + kernelMib;
  return {
    key,
    value: Math.round(allMib * MIB),
    title,
    text: `${round(allMib)} MiB: ${round(ownMib)} kept, ${round(compressedMib)} compressed (of ${round(swappedMib)}), ${round(kernelMib)} in the kernel`,
    beside: `besides ${round(sharedMib)} MiB of programs and libraries, shared by ${sandboxes.length} in these figures`,
    targets: [atMost(allMib, limitMib, `≤ ${limitMib} MiB`)],
  };
}

/** In bytes of RAM. */
interface Held {
  readonly own: number;
  readonly shared: number;
  readonly kernel: number;
}

function heldBytes(instance: string, { id }: EngineSandbox): Held {
  const group = `/sys/fs/cgroup/memory/dormouse-${instance}/${id}`;
  const pids = readFileSync(`${group}/cgroup.procs`, "utf8").trim().split("\n");
  const rollups = pids.map((pid) => readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"));
  const sum = (field: string): number =>
    rollups.reduce(
      (total, text) => total + 1024 * Number(new RegExp(`^${field}: +(\\d+) kB`, "m").exec(text)?.[1] ?? 0),
      0,
    );
  return {
    own: sum("Pss_Anon") + sum("Pss_Shmem"),
    shared: sum("Pss_File"),
    kernel: Number(readFileSync(`${group}/memory.kmem.usage_in_bytes`, "utf8")),
  };
}
