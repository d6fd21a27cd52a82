import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { Cgroups } from "./cgroups.ts";

/**
 * What the kernel counts once for the whole host, or once for all of a sandbox. One sandbox, or one program in it, could use it up for
 * every other one, so that these bounds must be out of reach: what they bound is charged to the memory of the sandbox that asks for it.
 */
const WANTED: Readonly<Record<string, number>> = {
  "/proc/sys/fs/file-max": Number.MAX_SAFE_INTEGER,
  "/proc/sys/fs/inotify/max_user_instances": 2 ** 31 - 1,
  "/proc/sys/fs/inotify/max_user_watches": 2 ** 31 - 1,
  /* The kernel's own bounds, of which the second is for threads. Each sandbox has its share of them (`MAX_PROCESS_COUNT`). */
  "/proc/sys/kernel/pid_max": 2 ** 22,
  "/proc/sys/kernel/threads-max": 2 ** 22,
  /* Likewise (`PTY_MAX_COUNT`). */
  "/proc/sys/kernel/pty/max": 2 ** 20,
};

/**
 * Pages that the buffers of all connections may take. Hybrid hosts, where a sandbox has these on top of its memory, keep what the
 * kernel has chosen.
 */
const WANTED_OF_CHARGED_SOCKETS: typeof WANTED = {
  "/proc/sys/net/ipv4/tcp_mem": 2 ** 31 - 1,
  "/proc/sys/net/ipv4/udp_mem": 2 ** 31 - 1,
};

/** Raises the bounds and lowers none. The host keeps them, as it keeps the forwarding of packets. */
export function raiseHostLimits({ kind }: Pick<Cgroups, "kind">): void {
  const wanted = kind === "v2" ? { ...WANTED, ...WANTED_OF_CHARGED_SOCKETS } : WANTED;
  for (const [file, bound] of Object.entries(wanted)) if (existsSync(file)) raiseTo(bound, file);
}

/** A file may hold several bounds. */
function raiseTo(bound: number, file: string): void {
  const bounds = readFileSync(file, "utf8").trim().split(/\s+/);
  if (bounds.some((present) => Number(present) < bound)) writeFileSync(file, bounds.map(() => bound).join(" "));
}
