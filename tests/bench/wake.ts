import { setTimeout as delay } from "node:timers/promises";
import type { Api, Sandbox } from "./api.ts";
import { type BenchContext, withDormouse } from "./context.ts";
import { atMost, type Figure, ms, summaryText, withFloor } from "./figure.ts";
import { median, round, summarize, timeMs } from "./stats.ts";

const PORT = 3000;
const SERVER = `require("node:http").createServer((_, response) => response.end("ok")).listen(${PORT})`;
/** The shortest there is: the benchmark is over sooner. */
const IDLE_MS = "100";
const WARM_UP_ROUNDS = 5;
const LOOK_AGAIN_MS = 5;

/** One GET to a server in a sleeping sandbox, on a connection to the gateway that was open before. */
export function benchWake({ isQuick }: BenchContext): Promise<Figure[]> {
  return withDormouse({ DORMOUSE_IDLE_MS: IDLE_MS }, async (_, api) => {
    await using sandbox = await api.create("wake");
    await sandbox.exec(`node -e '${SERVER}'`, { name: "web", waitForPorts: [PORT] });
    const direct = `http://${await sandbox.address()}:${PORT}/`;
    const through = `${sandbox.url}/port/${PORT}/`;
    const samples: number[] = [];
    const floors: number[] = [];
    const awake: number[] = [];
    for (let index = -WARM_UP_ROUNDS; index < (isQuick ? 30 : 120); index++) {
      await untilAsleep(api, sandbox);
      const wakeMs = await firstByteMs(() => api.fetch(through));
      const floorMs = await firstByteMs(() => fetch(direct));
      const awakeMs = await firstByteMs(() => api.fetch(through));
      if (index < 0) continue;
      samples.push(wakeMs);
      floors.push(floorMs);
      awake.push(awakeMs);
    }
    const summary = summarize(samples);
    const floorMs = median(floors);
    return [
      {
        key: "wake_resident_ms",
        value: withFloor(summary, floorMs),
        title: "wake → first byte, resident",
        text: summaryText(summary),
        beside: `floor ${ms(floorMs)} (awake and without gateway), ratio ${round(summary.p50 / floorMs)}×; awake through the gateway ${ms(median(awake))}`,
        targets: [atMost(summary.p50, 1, "p50 ≤ 1 ms"), atMost(summary.p99, 10, "p99 ≤ 10 ms")],
      },
    ];
  });
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
