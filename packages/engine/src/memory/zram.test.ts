import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { addZramSwap, hasZram, removeZramSwap, swapDevices, zramSwap } from "./zram.ts";

const LABEL = `dm-zram-${process.pid}`;
const SIZE_BYTES = 64 * 2 ** 20;

test.skipIf(!hasZram())("swap in zram is made once, found by its label, and taken away without a trace", async () => {
  const before = swapDevices();
  try {
    const { path } = await addZramSwap(LABEL, SIZE_BYTES);
    expect((await addZramSwap(LABEL, SIZE_BYTES)).path).toBe(path);
    expect(zramSwap(LABEL)?.path).toBe(path);
    expect(zramSwap("another")).toBeUndefined();
    expect(swapDevices().length).toBe(before.length + 1);
    await removeZramSwap(LABEL);
    expect(existsSync(path)).toBe(false);
  } finally {
    await removeZramSwap(LABEL);
  }
  expect(swapDevices()).toEqual(before);
  await removeZramSwap(LABEL);
});

test.skipIf(!hasZram())("a device that cannot become swap is not left behind", async () => {
  const failure = await addZramSwap(LABEL, 4096).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: "INTERNAL" });
  expect(zramSwap(LABEL)).toBeUndefined();
});
