import { readFileSync } from "node:fs";
import { noSwapReason, useSwap } from "@dormouse/engine/testkit";
import type { Sandbox } from "./api.ts";
import type { BenchContext } from "./context.ts";
import { engineOf, untilPagedOut } from "./deep-sleep.ts";
import { atLeast, atMost, type Figure } from "./figure.ts";
import { atOnce, round } from "./stats.ts";

const COUNT = 1000;
const QUICK_COUNT = 40;
const PARALLEL_COUNT = 8;
const LIMIT_MIB = 3;
/** As it is before compression. */
const SWAP_BYTES = 16 * 2 ** 30;

/** Many shells asleep at once, each of which answers afterwards with what it alone was told; and what that costs the machine. */
export async function benchDensity(context: BenchContext): Promise<Figure[]> {
  await using swap = noSwapReason() === undefined ? await useSwap(SWAP_BYTES) : undefined;
  const { api, isQuick } = context;
  const count = isQuick ? QUICK_COUNT : COUNT;
  const beforeMib = availableMib();
  const sandboxes: Sandbox[] = [];
  const errors: string[] = [];
  await atOnce(count, PARALLEL_COUNT, async (index) => {
    try {
      const sandbox = await api.create(`dense-${index}`);
      await sandbox.exec(`sh -c 'echo ${secretOf(sandbox)} > /dev/shm/secret'`);
      sandboxes.push(sandbox);
    } catch (error) {
      errors.push(String(error));
    }
  });
  if (swap !== undefined) await untilPagedOut(engineOf(context));
  const deltaMib = beforeMib - availableMib();
  let answered = 0;
  await atOnce(sandboxes.length, PARALLEL_COUNT, async (index) => {
    const sandbox = sandboxes[index];
    const secret = await sandbox
      ?.exec("cat /dev/shm/secret")
      .catch((error: unknown) => void errors.push(String(error)));
    if (sandbox !== undefined && secret === `${secretOf(sandbox)}\n`) answered += 1;
  });
  for (const error of new Set(errors)) console.error(`density: ${error}`);
  await atOnce(sandboxes.length, PARALLEL_COUNT, async (index) => sandboxes[index]?.remove());
  const eachMib = deltaMib / Math.max(1, sandboxes.length);
  return [
    {
      key: "density_1000",
      value: { created: sandboxes.length, answered, mem_available_delta_mib: Math.round(deltaMib), asked: count },
      title: `${count} asleep at once`,
      text: `${sandboxes.length} created, ${answered} answered, ${Math.round(deltaMib)} MiB less available (${round(eachMib)} MiB each)`,
      targets: [atLeast(answered, count, "all answer"), atMost(eachMib, LIMIT_MIB, `≤ ${LIMIT_MIB} MiB each`)],
    },
  ];
}

const secretOf = ({ name }: Sandbox): string => `secret of ${name}`;

/** Source: /proc/meminfo, in kB. */
const availableMib = (): number =>
  Number(/^MemAvailable: +(\d+) kB/m.exec(readFileSync("/proc/meminfo", "utf8"))?.[1]) / 1024;
