import { join } from "node:path";
import type { EngineSandboxSpec } from "@dormouse/schema";
import { BASH, type ImageManifest } from "./images/manifest.ts";
import { isolation, PROCESS_MOUNT, ROOT_CAPABILITIES, TERMINAL_MOUNT } from "./container.ts";
import type { SandboxFiles } from "./layout.ts";
import type { NamespaceFiles } from "./network/slots.ts";
import type { VolumeBind } from "./volumes/volumes.ts";

/** Host files every sandbox shows, read-only. */
export interface SharedFiles {
  /** A static init that reaps orphans: catatonit. */
  readonly init: string;
  /** The sandbox-api executable. */
  readonly agent: string;
  readonly resolvConf: string;
}

/** What all sandboxes of an engine have in common. */
export interface BundleDefaults {
  readonly shared: SharedFiles;
  /** BPF program in base64. */
  readonly seccompFilter: string;
}

export interface BundleInput {
  readonly spec: EngineSandboxSpec;
  readonly image: ImageManifest;
  readonly files: SandboxFiles;
  readonly defaults: BundleDefaults;
  readonly namespaces: NamespaceFiles;
  /** In the order they are mounted. */
  readonly volumes: readonly VolumeBind[];
  /** Its agent waits for its environment on the ready descriptor, and does nothing before. */
  readonly isHeld?: boolean;
}

/** Descriptor the agent reports on when it serves. */
export const READY_FD = 3;

const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** In /dev, a tmpfs of the sandbox, so that the mount point leaves no trace in its files. */
const INIT_PATH = "/dev/init";
const AGENT_PATH = "/usr/local/bin/sandbox-api";
const LIBRARY_DIR = "/lib/x86_64-linux-gnu";
/** All the agent needs of glibc, lent to images that have another libc or none (design §4). */
const GLIBC_FILES = [
  "/lib64/ld-linux-x86-64.so.2",
  ...["libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0"].map((file) => join(LIBRARY_DIR, file)),
];

/** The OCI runtime configuration of a sandbox. Source: OCI runtime specification 1.0.2. */
export function ociConfig({ spec, image, files, defaults, namespaces, volumes, isHeld }: BundleInput) {
  return {
    ociVersion: "1.0.2",
    annotations: { "run.oci.seccomp_bpf_data": defaults.seccompFilter },
    root: { path: files.rootfs, readonly: false },
    hostname: spec.hostname,
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      cwd: image.config.workingDir,
      args: [INIT_PATH, "--", AGENT_PATH, ...entrypointArguments(image)],
      env: isHeld === true ? HELD_ENVIRONMENT : agentEnvironment(spec, image),
      capabilities: { bounding: ROOT_CAPABILITIES, effective: ROOT_CAPABILITIES, permitted: ROOT_CAPABILITIES },
      noNewPrivileges: false,
    },
    /* Ours go over the volumes: a folder the sandbox has replaced by a link cannot put a volume over them. */
    mounts: [
      ...volumes.map(volumeMount),
      ...systemMounts(),
      ...sharedMounts(image, defaults.shared),
      bind(files.hosts, "/etc/hosts", "rw"),
    ],
    linux: isolation(namespaces),
  };
}

function entrypointArguments(image: ImageManifest): string[] {
  const command = [...image.config.entrypoint, ...image.config.cmd];
  return command.length === 0 ? [] : ["--entrypoint-json", JSON.stringify(command)];
}

/** Variables that runtime, loader or allocator of the agent would obey. It hands them on to processes (DORMOUSE_ENV_). */
const AGENT_SENSITIVE = /^(BUN|GLIBC|JSC|LD|MALLOC|MIMALLOC|NODE|UV)_/;

/** What the agent of a sandbox starts with, as `NAME=value`. */
export function agentEnvironment(spec: EngineSandboxSpec, image: ImageManifest): string[] {
  const { env, user } = image.config;
  const shell = image.hasBash ? { SHELL: BASH } : {};
  const variables = { PATH: DEFAULT_PATH, HOME: "/root", ...shell, ...env, ...spec.env };
  const given = Object.entries(variables).filter(([name]) => !name.startsWith("DORMOUSE_"));
  const pairs = given.map(([name, value]) =>
    AGENT_SENSITIVE.test(name) ? `DORMOUSE_ENV_${name}=${value}` : `${name}=${value}`,
  );
  const platform = [`DORMOUSE_READY_FD=${READY_FD}`, ...(user === "" ? [] : [`DORMOUSE_IMAGE_USER=${user}`])];
  return [...pairs, ...platform];
}

const HELD_ENVIRONMENT = [`PATH=${DEFAULT_PATH}`, `DORMOUSE_READY_FD=${READY_FD}`, "DORMOUSE_HELD=1"];

const bind = (source: string, destination: string, access: "ro" | "rw") => ({
  destination,
  type: "bind",
  source,
  options: ["bind", access, "nosuid", "nodev"],
});

const volumeMount = ({ source, destination, readOnly }: VolumeBind) =>
  bind(source, destination, readOnly ? "ro" : "rw");

const systemMounts = () => [
  PROCESS_MOUNT,
  { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "strictatime", "mode=755", "size=1m"] },
  TERMINAL_MOUNT,
  { destination: "/dev/shm", type: "tmpfs", source: "shm", options: ["nosuid", "nodev", "mode=1777"] },
];

const sharedMounts = (image: ImageManifest, shared: SharedFiles) => [
  bind(shared.init, INIT_PATH, "ro"),
  bind(shared.agent, AGENT_PATH, "ro"),
  bind(shared.resolvConf, "/etc/resolv.conf", "ro"),
  ...(image.hasGlibc ? [] : GLIBC_FILES.map((file) => bind(file, file, "ro"))),
];
