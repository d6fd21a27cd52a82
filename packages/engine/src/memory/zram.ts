import { existsSync, openSync, readFileSync, readSync, closeSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { AppError } from "@dormouse/kernel";
import { runCommand } from "../run-command.ts";

const CONTROL = "/sys/class/zram-control";
/** Above any swap on a disk. */
const PRIORITY = 100;
/** Quickest to read back of those that kernels bring. */
const COMPRESSION = "lz4";

/** One line of /proc/swaps. */
export interface SwapDevice {
  readonly path: string;
  readonly sizeBytes: number;
  readonly usedBytes: number;
}

export function swapDevices(): SwapDevice[] {
  if (!existsSync("/proc/swaps")) return [];
  const lines = readFileSync("/proc/swaps", "utf8").trim().split("\n").slice(1);
  return lines.map((line) => {
    const [path = "", , sizeKiB, usedKiB] = line.split(/\s+/);
    return { path, sizeBytes: Number(sizeKiB) * 1024, usedBytes: Number(usedKiB) * 1024 };
  });
}

/** True when this kernel can make compressed RAM disks now. */
export const hasZram = (): boolean => existsSync(`${CONTROL}/hot_add`);

/** The swap on a zram device with this label, if it is on. */
export const zramSwap = (label: string): SwapDevice | undefined =>
  swapDevices().find(({ path }) => path.startsWith("/dev/zram") && swapLabelOf(path) === label);

/**
 * Swap in compressed RAM, for at most `sizeBytes` of memory as it is before compression. Idempotent for one label, which has
 * at most 15 bytes. @throws HOST_UNSUITABLE
 */
export async function addZramSwap(label: string, sizeBytes: number): Promise<SwapDevice> {
  const present = zramSwap(label);
  if (present !== undefined) return present;
  if (!hasZram()) {
    throw new AppError("HOST_UNSUITABLE", "Cannot set up zram: this kernel has none, or has not loaded it", {
      hint: "modprobe zram",
    });
  }
  const path = `/dev/zram${readFileSync(`${CONTROL}/hot_add`, "utf8").trim()}`;
  try {
    const algorithms = readFileSync(settingOf(path, "comp_algorithm"), "utf8");
    if (algorithms.includes(COMPRESSION)) writeFileSync(settingOf(path, "comp_algorithm"), COMPRESSION);
    writeFileSync(settingOf(path, "disksize"), String(sizeBytes));
    await runCommand(["mkswap", "--label", label, path]);
    await runCommand(["swapon", "--priority", String(PRIORITY), path]);
  } catch (error) {
    removeDevice(path);
    throw error;
  }
  return { path, sizeBytes, usedBytes: 0 };
}

/** Brings what is in the swap back into RAM and takes the device away. Idempotent. @throws INTERNAL when RAM has no room */
export async function removeZramSwap(label: string): Promise<void> {
  const present = zramSwap(label);
  if (present === undefined) return;
  await runCommand(["swapoff", present.path]);
  removeDevice(present.path);
}

/** Closes the gaps that woken sandboxes left in zram, a third of it when they wake often. Devices that go away meanwhile are left out. */
export async function compactZram(): Promise<void> {
  for (const { path } of swapDevices()) {
    if (path.startsWith("/dev/zram")) await writeFile(settingOf(path, "compact"), "1").catch(() => undefined);
  }
}

/** What the compressed content takes of RAM. Source: the third field of mm_stat. */
export function usedRamBytes({ path }: SwapDevice): number {
  return Number(readFileSync(settingOf(path, "mm_stat"), "utf8").trim().split(/\s+/)[2]);
}

function removeDevice(path: string): void {
  writeFileSync(settingOf(path, "reset"), "1");
  writeFileSync(`${CONTROL}/hot_remove`, path.replace("/dev/zram", ""));
}

const settingOf = (path: string, name: string): string => path.replace("/dev/", "/sys/block/") + `/${name}`;

const LABEL_OFFSET_BYTES = 1052;
const LABEL_BYTES = 16;

/** The label of a swap device. Source: `volume_name` of `union swap_header` in the kernel's linux/swap.h. */
export function swapLabelOf(path: string): string {
  const label = Buffer.alloc(LABEL_BYTES);
  const fd = openSync(path, "r");
  try {
    readSync(fd, label, 0, LABEL_BYTES, LABEL_OFFSET_BYTES);
  } finally {
    closeSync(fd);
  }
  return label.toString("latin1").replace(/\0.*$/s, "");
}
