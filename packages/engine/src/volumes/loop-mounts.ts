import { mkdirSync, readFileSync, rmdirSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { AppError } from "@dormouse/kernel";
import { runCommand } from "../run-command.ts";
import { detachMount } from "../syscalls.ts";

/*
 * The file systems of volumes, mounted from their image files. mount(8) binds the loop device so that the kernel releases it with
 * the last mount, however we end, and mounts an image that is mounted already as the same file system, not as a second one.
 */

/** Space of deleted files goes back to the host; nothing in a volume gains rights or devices on it. */
const OPTIONS = "loop,nosuid,nodev,discard,errors=remount-ro";

/** Runs `use` while the image is mounted at `target`. Who took over the mount meanwhile keeps it, as a sandbox that started does. */
export async function withMountedImage<T>(imageFile: string, target: string, use: () => Promise<T>): Promise<T> {
  mkdirSync(target, { recursive: true });
  try {
    await mountImage(imageFile, target);
    return await use();
  } finally {
    detachMount(target);
    rmdirSync(target);
  }
}

async function mountImage(imageFile: string, target: string): Promise<void> {
  await runCommand(["mount", "--no-mtab", "--types=ext4", `--options=${OPTIONS}`, imageFile, target]).catch(
    (cause: unknown) => {
      throw new AppError("HOST_UNSUITABLE", `Cannot mount a volume: ${cause instanceof Error ? cause.message : "?"}`, {
        hint: "Run `dormouse doctor`; volumes need ext4 and loop devices",
        cause,
      });
    },
  );
}

/** The loop device an image is mounted through, by any sandbox or engine. */
export async function loopDeviceOf(imageFile: string): Promise<string | undefined> {
  const output = await runCommand(["losetup", "--noheadings", "--output=NAME", "--associated", imageFile]);
  return output.trim().split("\n")[0] || undefined;
}

const UNMOUNT_TIMEOUT_MS = 5000;

/** False when somebody still has the image mounted at the end: the kernel unmounts a moment after the last process. */
export async function untilUnmounted(imageFile: string): Promise<boolean> {
  const deadlineMs = performance.now() + UNMOUNT_TIMEOUT_MS;
  for (let waitMs = 1; (await loopDeviceOf(imageFile)) !== undefined; waitMs = Math.min(waitMs * 2, 50)) {
    if (performance.now() > deadlineMs) return false;
    await delay(waitMs);
  }
  return true;
}

const CAP_SYS_RESOURCE = 24n;

/** Whether the kernel lets this process grow a mounted ext4 file system. */
export function canGrowMounted(): boolean {
  const [, effective = "0"] = /^CapEff:\s*(\S+)$/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  return ((BigInt(`0x${effective}`) >> CAP_SYS_RESOURCE) & 1n) === 1n;
}
