import { isolation, PROCESS_MOUNT, ROOT_CAPABILITIES, TERMINAL_MOUNT } from "../container.ts";
import type { NamespaceFiles } from "../network/slots.ts";
import type { BoxFiles } from "./box-files.ts";

export interface BoxConfig {
  readonly files: BoxFiles;
  /** What process 1 runs, as a program and its arguments. */
  readonly command: readonly string[];
  /** The engine's file for all sandboxes. */
  readonly resolvConf: string;
  readonly namespaces: NamespaceFiles;
  /** BPF program in base64. */
  readonly seccompFilter: string;
}

/**
 * Those of a sandbox's root, and what buildah mounts and makes devices with: all of it good for this user namespace alone. buildah
 * gives a RUN step fewer.
 */
const CAPABILITIES = [...ROOT_CAPABILITIES, "CAP_MKNOD", "CAP_SYS_ADMIN"];

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
export function boxConfig({ files, command, resolvConf, namespaces, seccompFilter }: BoxConfig) {
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
      PROCESS_MOUNT,
      tmpfs("/dev", "1m", "755"),
      TERMINAL_MOUNT,
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
      bind(files.mappedStorage, "/storage", ["rw", "nodev"]),
      bind(files.scratch, "/var/tmp", ["rw", "nosuid", "nodev"]),
    ],
    linux: isolation(namespaces),
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
