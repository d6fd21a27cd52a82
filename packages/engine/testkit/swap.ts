import { existsSync } from "node:fs";
import { addZramSwap, hasZram, removeZramSwap, type SwapDevice, swapDevices, swapLabelOf } from "../src/memory/zram.ts";

/** Why tests of deep sleep cannot run on this kernel; `undefined` where they can. */
export const noSwapReason = (): string | undefined => (hasZram() ? undefined : "this kernel has no zram");

export interface TestSwap extends AsyncDisposable {
  readonly device: SwapDevice;
}

const LABEL = "dm-test-";

/** Swap of a test's own. It is the whole machine's while it is on, so a test keeps it on for as short as it can. */
export async function useSwap(sizeBytes = 2 ** 30): Promise<TestSwap> {
  await removeAbandoned();
  const label = `${LABEL}${process.pid}`;
  const device = await addZramSwap(label, sizeBytes);
  return { device, [Symbol.asyncDispose]: () => removeZramSwap(label) };
}

/** What a test run left that was killed. */
async function removeAbandoned(): Promise<void> {
  for (const { path } of swapDevices()) {
    const label = path.startsWith("/dev/zram") ? swapLabelOf(path) : "";
    if (label.startsWith(LABEL) && !existsSync(`/proc/${label.slice(LABEL.length)}`)) await removeZramSwap(label);
  }
}
