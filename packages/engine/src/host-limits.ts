import { existsSync, readFileSync, writeFileSync } from "node:fs";

/**
 * What the kernel counts once for the whole host, or once for all of a sandbox. One sandbox, or one program in it, could use it up for
 * every other one, so that these bounds must be out of reach: what they bound is charged to the memory of the sandbox that asks for it.
 */
const WANTED: Readonly<Record<string, number>> = {
  "/proc/sys/fs/file-max": Number.MAX_SAFE_INTEGER,
  "/proc/sys/fs/inotify/max_user_instances": 2 ** 31 - 1,
  "/proc/sys/fs/inotify/max_user_watches": 2 ** 31 - 1,
  /* The kernel's own bound. Each sandbox has its share of them (`PTY_MAX_COUNT`). */
  "/proc/sys/kernel/pty/max": 2 ** 20,
};

/** Raises the bounds and lowers none. The host keeps them, as it keeps the forwarding of packets. */
export function raiseHostLimits(): void {
  for (const [file, wanted] of Object.entries(WANTED)) {
    if (existsSync(file) && Number(readFileSync(file, "utf8")) < wanted) writeFileSync(file, String(wanted));
  }
}
