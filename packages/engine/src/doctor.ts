import { existsSync, readFileSync } from "node:fs";
import { lookup } from "node:dns/promises";
import { release } from "node:os";
import { type AdmissionPolicy, defaultPolicy, hostRoom } from "./admission.ts";
import { examineCgroups, isSwapCounted } from "./doctor-cgroups.ts";
import type { Finding } from "./finding.ts";
import { countIdRanges, FIRST_ID, LAST_ID } from "./ids/id-ranges.ts";
import { canFindPages } from "./memory/process-memory.ts";
import { hasZram, swapDevices } from "./memory/zram.ts";
import { firewallRules, hostResolver } from "./network/firewall.ts";
import { runCommand } from "./run-command.ts";
import { openMappedUserNamespace } from "./user-namespace.ts";
import { canGrowMounted } from "./volumes/loop-mounts.ts";

/** Looks at what this host can do and what its sandboxes therefore get. Changes nothing. */
export async function examineHost(): Promise<Finding[]> {
  return [
    examineUser(),
    examineKernel(),
    await examineUserNamespaces(),
    examineUserIds(),
    examineCgroups(),
    ...TOOLS.map(examineTool),
    await examineNetwork(),
    examineResolver(),
    await examineLocalhostNames(),
    examineOpenFiles(),
    examineQuota(),
    examineVolumes(),
    await examineBuilds(),
    examineMemoryGuard(),
    examineSwap(),
  ];
}

const TOOLS = [
  { tool: "crun", debianPackage: "crun", purpose: "starts the sandboxes" },
  { tool: "catatonit", debianPackage: "catatonit", purpose: "is process 1 in each sandbox" },
  { tool: "ip", debianPackage: "iproute2", purpose: "makes their networks" },
  { tool: "nft", debianPackage: "nftables", purpose: "closes their networks" },
  { tool: "mmdebstrap", debianPackage: "mmdebstrap", purpose: "builds our images" },
] as const;

function examineUser(): Finding {
  if (process.getuid?.() === 0) return { name: "user", status: "ok", detail: "root, as the engine needs" };
  return {
    name: "user",
    status: "missing",
    detail: "not root",
    mend: "Run it with sudo; only the engine keeps root, the server gives it up",
  };
}

const MIN_KERNEL = { major: 5, minor: 19 };

/** Overlay over idmapped layers came with Linux 5.19. */
function examineKernel(): Finding {
  const [major = 0, minor = 0] = release().split(".").map(Number);
  const isRecent = major > MIN_KERNEL.major || (major === MIN_KERNEL.major && minor >= MIN_KERNEL.minor);
  if (isRecent) return { name: "kernel", status: "ok", detail: `Linux ${release()}` };
  return {
    name: "kernel",
    status: "missing",
    detail: `Linux ${release()}`,
    mend: "Use Linux 5.19 or later: overlays over idmapped layers",
  };
}

async function examineUserNamespaces(): Promise<Finding> {
  const name = "user namespaces";
  const mend = "Set kernel.unprivileged_userns_clone=1 or user.max_user_namespaces to a large number with sysctl";
  try {
    await openMappedUserNamespace();
    return { name, status: "ok", detail: "root inside is nobody outside" };
  } catch {
    return { name, status: "missing", detail: "the kernel refuses them", mend };
  }
}

/** Before any other limit stops it, a host should have ids for as many sandboxes as it may have. */
function examineUserIds(): Finding {
  const name = "user ids";
  const count = countIdRanges();
  const detail = `up to ${count} sandboxes and builds at once, each with 65,536 of its own`;
  const { maxSandboxCount } = defaultPolicy(0);
  if (count > maxSandboxCount) return { name, status: "ok", detail };
  const mend = `Free what /etc/subuid and /etc/subgid give away of the ids from ${FIRST_ID} to ${LAST_ID}`;
  return { name, status: "limited", detail, mend };
}

const TOOL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

function examineTool({ tool, debianPackage, purpose }: (typeof TOOLS)[number]): Finding {
  const path = Bun.which(tool, { PATH: TOOL_PATH });
  if (path !== null) return { name: tool, status: "ok", detail: `${path}, ${purpose}` };
  return { name: tool, status: "missing", detail: `not found; ${purpose}`, mend: `apt-get install ${debianPackage}` };
}

/** What the engine asks of the kernel, in a network namespace that ends with it. */
const TRY_NETWORK = `
  nft -f -
  ip link add dm-doctor type veth peer name eth0`;

async function examineNetwork(): Promise<Finding> {
  const name = "network";
  const rules = firewallRules({ instance: "doctor", subnet: 0, serverUserId: 0, resolver: "127.0.0.1" });
  try {
    await runCommand(["unshare", "--net", "sh", "-euc", TRY_NETWORK], rules);
    return { name, status: "ok", detail: "rules and links as sandboxes need them" };
  } catch (error) {
    const [, reason = "", near = ""] = /: (.*)(?:\n(.*))?/.exec((error as Error).message) ?? [];
    const detail = `the kernel refuses it: ${reason} ${near.trim()}`.trim();
    const mend =
      "Run it as root, on a kernel with its modules: veth, nft_fib_inet, nft_connlimit, nft_masq, nft_reject_inet";
    return { name, status: "missing", detail, mend };
  }
}

function examineResolver(): Finding {
  const resolver = hostResolver();
  if (resolver !== undefined) return { name: "DNS", status: "ok", detail: `sandboxes ask ${resolver}` };
  return {
    name: "DNS",
    status: "limited",
    detail: "the host's only resolver is on loopback, so sandboxes cannot resolve names",
    mend: "Set DORMOUSE_RESOLVER to an IPv4 resolver they may ask",
  };
}

async function examineLocalhostNames(): Promise<Finding> {
  const name = "*.localhost";
  try {
    await lookup("name.localhost");
    return { name, status: "ok", detail: "resolves, so preview addresses work in every client on this host" };
  } catch {
    const mend = "apt-get install libnss-myhostname";
    return {
      name,
      status: "limited",
      detail: "does not resolve: previews work in browsers, not in curl or Node",
      mend,
    };
  }
}

const WANTED_OPEN_FILES = 65_536;

function examineOpenFiles(): Finding {
  const limits = /Max open files\s+\d+\s+(\d+|unlimited)/.exec(readFileSync("/proc/self/limits", "utf8"));
  const hardLimit = limits?.[1] === "unlimited" ? Number.POSITIVE_INFINITY : Number(limits?.[1] ?? 0);
  if (hardLimit >= WANTED_OPEN_FILES) return { name: "open files", status: "ok", detail: `up to ${hardLimit}` };
  return {
    name: "open files",
    status: "limited",
    detail: `up to ${hardLimit}: bounds how many connections can be open at once`,
    mend: `Raise the hard limit to ${WANTED_OPEN_FILES} (LimitNOFILE= in systemd)`,
  };
}

function examineQuota(): Finding {
  return {
    name: "disk quota",
    status: "limited",
    detail: "plain folders: a sandbox can fill the disk of the data folder",
    mend: "Keep the data folder on a file system of its own",
  };
}

const VOLUME_TOOLS = ["mount", "losetup", "mkfs.ext4", "e2fsck", "resize2fs"];

function examineVolumes(): Finding {
  const name = "volumes";
  const missing = VOLUME_TOOLS.filter((tool) => Bun.which(tool, { PATH: TOOL_PATH }) === null);
  if (missing.length > 0) {
    const detail = `cannot be made: ${missing.join(", ")} not found`;
    return { name, status: "limited", detail, mend: "apt-get install e2fsprogs mount" };
  }
  if (!existsSync("/dev/loop-control")) {
    return { name, status: "limited", detail: "cannot be mounted: no loop devices", mend: "modprobe loop" };
  }
  if (canGrowMounted())
    return { name, status: "ok", detail: "ext4 on loop devices; they grow while sandboxes use them" };
  return {
    name,
    status: "limited",
    detail: "ext4 on loop devices; they grow only while no sandbox has them",
    mend: "Run the engine with CAP_SYS_RESOURCE",
  };
}

const BUILD_TOOLS = ["buildah", "skopeo"];

/** buildah mounts its layers as root of a user namespace, which not every kernel allows (Linux 5.11, overlayfs). */
const TRY_OVERLAY = `
  mount -t tmpfs tmpfs /mnt && cd /mnt && mkdir lower upper work all
  mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work,userxattr overlay all`;

async function examineBuilds(): Promise<Finding> {
  const name = "image builds";
  const missing = BUILD_TOOLS.filter((tool) => Bun.which(tool, { PATH: TOOL_PATH }) === null);
  if (missing.length > 0) {
    const mend = `apt-get install ${missing.join(" ")}`;
    return { name, status: "limited", detail: `impossible: ${missing.join(", ")} not found`, mend };
  }
  const trial = Bun.spawn(["unshare", "--user", "--map-root-user", "--mount", "sh", "-euc", TRY_OVERLAY], {
    stdio: ["ignore", "ignore", "ignore"],
  });
  if ((await trial.exited) === 0)
    return { name, status: "ok", detail: "buildah in a user namespace, without a daemon" };
  const detail = "impossible: the kernel refuses overlays in user namespaces";
  return { name, status: "limited", detail, mend: "Use Linux 5.11 or later, and modprobe overlay" };
}

function examineMemoryGuard(): Finding {
  const name = "memory guard";
  try {
    readFileSync("/proc/pressure/memory");
    return { name, status: "ok", detail: "ends programs that make their sandbox hang at its memory limit" };
  } catch {
    const detail = "off, as the kernel does not measure pressure: a sandbox may hang at its memory limit";
    return { name, status: "limited", detail, mend: "Boot with psi=1" };
  }
}

function examineSwap(): Finding {
  const name = "deep sleep";
  const devices = swapDevices();
  if (devices.length === 0) {
    const detail = "off, as there is no swap: sleeping sandboxes keep all their memory in RAM";
    return {
      name,
      status: "limited",
      detail,
      mend: hasZram() ? "dormouse zram on" : "modprobe zram && dormouse zram on",
    };
  }
  if (!canFindPages()) {
    const detail = `off, as Linux ${release()} cannot tell which pages a process has in RAM`;
    return { name, status: "limited", detail, mend: "Use a kernel with CONFIG_PROC_PAGE_MONITOR" };
  }
  if (!isSwapCounted()) {
    const detail = "on, but the kernel does not count swap: a sandbox may take more of it than its memory limit";
    return { name, status: "limited", detail, mend: "Boot with swapaccount=1" };
  }
  const swaps = devices.map(
    ({ path, sizeBytes, usedBytes }) => `${path} (${mib(usedBytes)} of ${mib(sizeBytes)} MiB used)`,
  );
  return { name, status: "ok", detail: `long sleepers move their memory to ${swaps.join(", ")}` };
}

/** How full this host is, beside how full the policy, the default one but for `changes`, lets it become. */
export function examineRoom(dataDir: string, changes: Partial<AdmissionPolicy>): Finding {
  const room = hostRoom(dataDir);
  const policy = { ...defaultPolicy(room.memoryMiB), ...changes };
  const name = "room";
  const detail = [
    `${room.availableMemoryMiB} MiB of memory available, ${policy.memoryReserveMiB} kept free`,
    `${room.freeDiskMiB} MiB of disk free, ${policy.diskReserveMiB} kept free`,
    `up to ${policy.maxSandboxCount} sandboxes, their limits together up to ${policy.memoryOvercommit}× the memory`,
  ].join("; ");
  const isFull = room.availableMemoryMiB < policy.memoryReserveMiB || room.freeDiskMiB < policy.diskReserveMiB;
  if (!isFull) return { name, status: "ok", detail };
  const mend =
    "Free some, or creates are refused: the reserves are DORMOUSE_MEMORY_RESERVE_MIB and DORMOUSE_DISK_RESERVE_MIB";
  return { name, status: "limited", detail, mend };
}

const mib = (bytes: number): number => Math.round(bytes / 2 ** 20);
