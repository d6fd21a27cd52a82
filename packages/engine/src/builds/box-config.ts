import { MAPPED_ID_COUNT, MAPPED_ROOT_ID } from "../user-namespace.ts";
import type { BoxFiles } from "./box-files.ts";

export interface BoxConfig {
  readonly files: BoxFiles;
  /** What process 1 runs, as a program and its arguments. */
  readonly command: readonly string[];
  /** The engine's file for all sandboxes. */
  readonly resolvConf: string;
  readonly networkNamespace: string;
  /** BPF program in base64. */
  readonly seccompFilter: string;
}

/**
 * Those of a sandbox's root, and what buildah mounts and makes devices with: all of it good for this user namespace alone. buildah
 * gives a RUN step fewer.
 */
const CAPABILITIES = [
  "CAP_AUDIT_WRITE",
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_MKNOD",
  "CAP_NET_BIND_SERVICE",
  "CAP_SETFCAP",
  "CAP_SETGID",
  "CAP_SETPCAP",
  "CAP_SETUID",
  "CAP_SYS_ADMIN",
  "CAP_SYS_CHROOT",
];

const ENVIRONMENT = [
  "PATH=/usr/sbin:/usr/bin",
  "HOME=/root",
  "LANG=C.UTF-8",
  "TMPDIR=/var/tmp",
  /* It is root of a user namespace already, and has no right to make another one. */
  "_CONTAINERS_USERNS_CONFIGURED=1",
];

const INIT = "/usr/bin/catatonit";

/**
 * The OCI runtime configuration of a build: the host's programs, read-only and with none of its other files, in namespaces of its
 * own (decision 0023). Source: OCI runtime specification 1.0.2.
 */
export function boxConfig({ files, command, resolvConf, networkNamespace, seccompFilter }: BoxConfig) {
  return {
    ociVersion: "1.0.2",
    annotations: { "run.oci.seccomp_bpf_data": seccompFilter },
    root: { path: files.root, readonly: true },
    hostname: "build",
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      cwd: "/",
      args: [INIT, "--", ...command],
      env: ENVIRONMENT,
      capabilities: { bounding: CAPABILITIES, effective: CAPABILITIES, permitted: CAPABILITIES },
      noNewPrivileges: false,
    },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
      tmpfs("/dev", "1m", "755"),
      {
        destination: "/dev/pts",
        type: "devpts",
        source: "devpts",
        options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
      },
      { ...tmpfs("/dev/shm", "64m", "1777"), source: "shm" },
      tmpfs("/tmp", "64m", "1777"),
      tmpfs("/run", "64m", "755"),
      tmpfs("/root", "64m", "700"),
      /* The kernel gives a network that is not the namespace's own no /sys; buildah only asks that there is one. */
      { ...tmpfs("/sys", "4k", "755"), options: ["nosuid", "nodev", "noexec", "ro", "size=4k"] },
      bind("/usr", "/usr", ["ro", "nosuid", "nodev"]),
      tmpfs("/usr/local", "4k", "755"),
      bind(resolvConf, "/etc/resolv.conf", ["ro", "nosuid", "nodev"]),
      bind(files.input, "/input", ["ro", "nosuid", "nodev"]),
      bind(files.context, "/input/context", ["ro", "nosuid", "nodev"]),
      bind(files.bases, "/input/bases", ["ro", "nosuid", "nodev"]),
      bind(files.storage, "/storage", ["rw", "nodev"]),
      bind(files.scratch, "/var/tmp", ["rw", "nosuid", "nodev"]),
    ],
    linux: {
      namespaces: [
        ...["pid", "ipc", "uts", "mount", "user", "cgroup"].map((type) => ({ type })),
        { type: "network", path: networkNamespace },
      ],
      uidMappings: [{ containerID: 0, hostID: MAPPED_ROOT_ID, size: MAPPED_ID_COUNT }],
      gidMappings: [{ containerID: 0, hostID: MAPPED_ROOT_ID, size: MAPPED_ID_COUNT }],
      /* The annotation holds the filter; without this object the runtime would not look at it. */
      seccomp: { defaultAction: "SCMP_ACT_ERRNO" },
      maskedPaths: ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/kmsg", "/proc/sched_debug", "/proc/scsi"],
      readonlyPaths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
    },
  };
}

const tmpfs = (destination: string, size: string, mode: string) => ({
  destination,
  type: "tmpfs",
  source: "tmpfs",
  options: ["nosuid", "nodev", `mode=${mode}`, `size=${size}`],
});

const bind = (source: string, destination: string, options: readonly string[]) => ({
  destination,
  type: "bind",
  source,
  options: ["bind", ...options],
});
