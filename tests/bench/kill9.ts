import { instanceName } from "@dormouse/engine";
import { eventually } from "../support/eventually.ts";
import type { Sandbox } from "./api.ts";
import type { BenchContext } from "./context.ts";
import { atMost, type Figure, ms } from "./figure.ts";
import { median, round, timeMs } from "./stats.ts";

const SANDBOX_COUNT = 6;
/** Creates under way when it happens: what is half-made has to be cleaned up too. */
const CREATE_COUNT = 8;
const INTO_THE_CREATES_MS = 40;

/** `kill -9` of server, engine and both in the middle of creates: how long until both answer, and who lost their memory. */
export async function benchKill9(context: BenchContext): Promise<Figure[]> {
  const { api, dormouse, isQuick } = context;
  const sandboxes: Sandbox[] = [];
  for (let index = 0; index < SANDBOX_COUNT; index++) {
    const sandbox = await api.create(`kept-${index}`);
    await sandbox.exec(`sh -c 'echo ${sandbox.name} > /dev/shm/memory'`);
    sandboxes.push(sandbox);
  }
  const { pids } = dormouse;
  const victims = [() => [pids.server()], () => [pids.engine()], () => [pids.server(), pids.engine()]];
  const samples: number[] = [];
  for (let index = 0; index < (isQuick ? 1 : 5); index++) {
    for (const victim of victims) samples.push(await killAmidCreates(context, victim()));
  }
  const lost = await countLost(sandboxes);
  const worstMs = Math.max(...samples);
  return [
    {
      key: "kill9",
      value: { lost, api_back_ms: round(worstMs), api_back_p50_ms: round(median(samples)) },
      title: "kill -9 → the API is back",
      text: `p50 ${ms(median(samples))}, at most ${ms(worstMs)}; ${lost} of ${SANDBOX_COUNT} sandboxes lost`,
      targets: [atMost(lost, 0, "0 lost"), atMost(worstMs, 1000, "≤ 1 s")],
    },
  ];
}

/** Milliseconds from the kill until server and engine answer. */
async function killAmidCreates({ api, dormouse }: BenchContext, pids: readonly number[]): Promise<number> {
  const names = Array.from({ length: CREATE_COUNT }, (_, index) => `cut-${index}`);
  const creates = names.map((name) => api.create(name).catch(() => undefined));
  await Bun.sleep(INTO_THE_CREATES_MS);
  for (const pid of pids) process.kill(pid, "SIGKILL");
  const unix = `/run/dormouse/${instanceName(dormouse.dataDir)}/engine.sock`;
  const backMs = await timeMs(async () => {
    await eventually(() => fetch("http://engine/health", { unix } as RequestInit));
    await eventually(() => api.names());
  });
  await Promise.all(creates);
  await eventually(async () => {
    for (const name of await api.names()) if (name.startsWith("cut-")) await api.remove(name);
  });
  return backMs;
}

async function countLost(sandboxes: readonly Sandbox[]): Promise<number> {
  const answers = await Promise.all(
    sandboxes.map((sandbox) => sandbox.exec("cat /dev/shm/memory").catch(() => undefined)),
  );
  return answers.filter((answer, index) => answer !== `${sandboxes[index]?.name}\n`).length;
}
