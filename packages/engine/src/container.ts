import type { NamespaceFiles } from "./network/slots.ts";

/* What sandboxes and builds have in common, in words of the OCI runtime specification 1.0.2. */

/** Namespaces of its own, its root nobody outside, and of the kernel's settings nothing to see or to change. */
export const isolation = (given: NamespaceFiles) => ({
  namespaces: [
    ...["pid", "ipc", "uts", "mount", "cgroup"].map((type) => ({ type })),
    { type: "user", path: given.user },
    { type: "network", path: given.network },
  ],
  /* The annotation holds the filter; without this object the runtime would not look at it. */
  seccomp: { defaultAction: "SCMP_ACT_ERRNO" },
  maskedPaths: [
    "/proc/acpi",
    "/proc/kcore",
    "/proc/keys",
    "/proc/kmsg",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
  ],
  readonlyPaths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
});

/** What root inside may do to its own files and processes. Nothing here reaches the host: the user namespace bounds it. */
export const ROOT_CAPABILITIES = [
  "CAP_AUDIT_WRITE",
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_NET_BIND_SERVICE",
  "CAP_SETFCAP",
  "CAP_SETGID",
  "CAP_SETPCAP",
  "CAP_SETUID",
  "CAP_SYS_CHROOT",
];

export const PROCESS_MOUNT = {
  destination: "/proc",
  type: "proc",
  source: "proc",
  options: ["nosuid", "noexec", "nodev"],
};

/** Terminals of one container: the kernel has a fixed number for the whole host. */
const PTY_MAX_COUNT = 256;

export const TERMINAL_MOUNT = {
  destination: "/dev/pts",
  type: "devpts",
  source: "devpts",
  options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5", `max=${PTY_MAX_COUNT}`],
};
