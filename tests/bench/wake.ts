import { setTimeout as delay } from "node:timers/promises";
import type { Api, Sandbox } from "./api.ts";
import type { BenchContext } from "./context.ts";
import { atMost, type Figure, ms, summaryText, withFloor } from "./figure.ts";
import { median, round, summarize, timeMs } from "./stats.ts";

const PORT = 3000;
const SERVER = `require("node:http").createServer((_, response) => response.end("ok")).listen(${PORT})`;
const WARM_UP_ROUNDS = 5;
/** Before each measurement, as long as a sandbox takes to fall asleep: a machine at rest answers later than a busy one. */
const REST_MS = 100;
const LOOK_AGAIN_MS = 25;

/**
 * One GET to a server in a sleeping sandbox, on a connection to the gateway that was open before; beside it the same to one
 * that a keepAlive process keeps awake. It needs a Dormouse whose sandboxes soon fall asleep.
 */
export async function benchWake({ api, isQuick }: BenchContext): Promise<Figure[]> {
  await using sleeper = await api.create("sleeper");
  await using waker = await api.create("waker");
  for (const sandbox of [sleeper, waker]) {
    const options = { name: "web", waitForPorts: [PORT], keepAlive: sandbox === waker };
    await sandbox.exec(`node -e '${SERVER}'`, options);
  }
  const direct = `http://${await waker.address()}:${PORT}/`;
  const rounds: Round[] = [];
  for (let index = -WARM_UP_ROUNDS; index < (isQuick ? 30 : 100); index++) {
    await untilAsleep(api, sleeper);
    const wakeMs = await firstByteMs(() => api.fetch(`${sleeper.url}/port/${PORT}/`));
    await delay(REST_MS);
    const directMs = await firstByteMs(() => fetch(direct));
    await delay(REST_MS);
    const awakeMs = await firstByteMs(() => api.fetch(`${waker.url}/port/${PORT}/`));
    if (index >= 0) rounds.push({ wakeMs, directMs, awakeMs });
  }
  const summary = summarize(rounds.map((round) => round.wakeMs));
  const floorMs = median(rounds.map((round) => round.directMs));
  const awakeMs = median(rounds.map((round) => round.awakeMs));
  return [
    {
      key: "wake_resident_ms",
      value: withFloor(summary, floorMs),
      title: "wake → first byte, resident",
      text: summaryText(summary),
      beside: `floor ${ms(floorMs)} (awake, no gateway), ratio ${round(summary.p50 / floorMs)}×; awake through the gateway ${ms(awakeMs)}`,
      targets: [atMost(summary.p50, 1, "p50 ≤ 1 ms"), atMost(summary.p99, 10, "p99 ≤ 10 ms")],
    },
  ];
}

interface Round {
  /** Asleep, through the gateway. */
  readonly wakeMs: number;
  /** Awake, without the gateway. */
  readonly directMs: number;
  /** Awake, through the gateway. */
  readonly awakeMs: number;
}

async function untilAsleep(api: Api, sandbox: Sandbox): Promise<void> {
  while ((await api.state(sandbox.name)) !== "STANDBY") await delay(LOOK_AGAIN_MS);
}

/** Until the head of the answer is there; its body is read outside the measured time. */
async function firstByteMs(get: () => Promise<Response>): Promise<number> {
  let response: Response | undefined;
  const tookMs = await timeMs(async () => (response = await get()));
  const text = await response?.text();
  if (text !== "ok") throw new Error(`Cannot measure the wake: the server answered ${response?.status} "${text}"`);
  return tookMs;
}
