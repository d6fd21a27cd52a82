import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import type { Sandbox } from "./api.ts";
import type { BenchContext } from "./context.ts";
import { atMost, type Figure } from "./figure.ts";

const PORT = 3000;
const LOOK_AGAIN_MS = 20;
const HELD_BYTES = 1024 * 1024;
const LINE = "a line that each wake adds to an open file\n";

/** Holds noise in memory and an open file; says after each wake how much of both is there, and counts. */
const KEEPER = `
  const { openSync, writeSync, fstatSync } = require("node:fs");
  const { createHash, randomBytes } = require("node:crypto");
  const held = randomBytes(${HELD_BYTES});
  const hash = () => createHash("sha256").update(held).digest("hex");
  const [first, file] = [hash(), openSync("/root/lines", "a")];
  let count = 0;
  require("node:http").createServer((_, response) => {
    writeSync(file, ${JSON.stringify(LINE)});
    const heldBytes = hash() === first ? held.length : 0;
    response.end(JSON.stringify({ count: ++count, heldBytes, fileBytes: fstatSync(file).size }));
  }).listen(${PORT})`;

const Kept = z.object({ count: z.int(), heldBytes: z.int(), fileBytes: z.int() });

/** Sandboxes that fall asleep and are woken over and over: first calls that failed, and bytes that were lost. */
export async function benchCycles({ api, isQuick }: BenchContext): Promise<Figure[]> {
  const [sandboxCount, roundCount] = isQuick ? [5, 20] : [40, 250];
  const keepers: Sandbox[] = [];
  for (let index = 0; index < sandboxCount; index++) keepers.push(await api.create(`keeper-${index}`));
  for (const keeper of keepers) await keeper.exec(`node -e '${KEEPER}'`, { name: "web", waitForPorts: [PORT] });
  let failedCount = 0;
  let lostBytes = 0;
  const live = async (keeper: Sandbox): Promise<void> => {
    for (let count = 1; count <= roundCount; count++) {
      while ((await api.state(keeper.name)) !== "STANDBY") await delay(LOOK_AGAIN_MS);
      const response = await api.fetch(`${keeper.url}/port/${PORT}/`).catch(() => undefined);
      if (response?.ok !== true) {
        failedCount += 1;
        continue;
      }
      const kept = Kept.parse(await response.json());
      lostBytes += HELD_BYTES - kept.heldBytes + Math.abs(kept.count * LINE.length - kept.fileBytes);
    }
  };
  await Promise.all(keepers.map(live));
  for (const keeper of keepers) await keeper.remove();
  const cycleCount = sandboxCount * roundCount;
  return [
    {
      key: "cycles_10000",
      value: { failed_first_calls: failedCount, lost_bytes: lostBytes, cycles: cycleCount },
      title: `${cycleCount.toLocaleString("en")} sleeps and wakes`,
      text: `${failedCount} first calls failed, ${lostBytes} bytes lost`,
      targets: [atMost(failedCount, 0, "0 failed"), atMost(lostBytes, 0, "0 lost")],
    },
  ];
}
