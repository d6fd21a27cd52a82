import { accessSync, constants, existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Finding } from "./finding.ts";

const ROOT = "/sys/fs/cgroup";
const CONTROLLERS = ["memory", "cpu", "pids"];
const name = "cgroups";

/** What of the control groups Dormouse needs is there; `root` is where they are mounted. */
export function examineCgroups(root = ROOT): Finding {
  if (existsSync(join(root, "cgroup.controllers"))) return examineV2(root);
  const hasTrees = CONTROLLERS.every((tree) => existsSync(join(root, tree)));
  if (hasTrees && readFileSync("/proc/filesystems", "utf8").includes("cgroup2")) {
    return { name, status: "ok", detail: "hybrid: limits through v1, sleep through v2" };
  }
  return {
    name,
    status: "missing",
    detail: "no memory, cpu and pids controllers",
    mend: "Boot with cgroup v2 (the default of Debian 12)",
  };
}

function examineV2(root: string): Finding {
  if (!isWritable(root)) {
    const mend = "Run it on the host itself; in a systemd unit without ProtectControlGroups=";
    return { name, status: "missing", detail: "v2, but nothing may be changed", mend };
  }
  /* The one group without this file is the kernel's first; only there may groups and processes be side by side. */
  if (existsSync(join(root, "cgroup.type"))) {
    const detail = "v2, but only a container's part of it";
    return { name, status: "missing", detail, mend: "Run it on the host itself, or with the host's cgroup namespace" };
  }
  const present = readFileSync(join(root, "cgroup.controllers"), "utf8").trim().split(" ");
  const absent = CONTROLLERS.filter((controller) => !present.includes(controller));
  if (absent.length > 0) {
    const mend = "Boot without cgroup_disable=, or with cgroup_enable=memory where the kernel leaves memory out";
    return { name, status: "missing", detail: `v2 without ${absent.join(", ")}`, mend };
  }
  return { name, status: "ok", detail: "v2" };
}

/** Whether the kernel holds a limit of swap; the first group of v2 has none. */
export function isSwapCounted(root = ROOT): boolean {
  if (!existsSync(join(root, "cgroup.controllers"))) {
    return existsSync(join(root, "memory", "memory.memsw.limit_in_bytes"));
  }
  const groups = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const counted = groups.filter((group) => existsSync(join(root, group.name, "memory.max")));
  return counted.every((group) => existsSync(join(root, group.name, "memory.swap.max")));
}

function isWritable(dir: string): boolean {
  try {
    accessSync(dir, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
