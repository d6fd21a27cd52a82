import { readFile } from "node:fs/promises";

/** Filesystems that hold the kernel's state instead of anybody's files. */
const PSEUDO_TYPES = new Set(
  `autofs binfmt_misc bpf cgroup cgroup2 configfs debugfs devpts devtmpfs efivarfs fusectl hugetlbfs mqueue nsfs
   proc pstore rpc_pipefs securityfs selinuxfs sysfs tracefs`.split(/\s+/),
);
const WELL_KNOWN: ReadonlySet<string> = new Set(["/proc", "/sys"]);

/** Absolute paths of the mount points of such filesystems. */
export async function pseudoMountPoints(): Promise<ReadonlySet<string>> {
  try {
    return parseMountInfo(await readFile("/proc/self/mountinfo", "utf8"));
  } catch {
    return WELL_KNOWN;
  }
}

/** Reads the format of proc_pid_mountinfo(5): the mount point is the fifth field, the type follows a lone hyphen. */
export function parseMountInfo(text: string): ReadonlySet<string> {
  const points = new Set<string>();
  for (const line of text.split("\n")) {
    const [mount = "", filesystem = ""] = line.split(" - ");
    const point = mount.split(" ")[4];
    const type = filesystem.split(" ")[0] ?? "";
    if (point !== undefined && PSEUDO_TYPES.has(type)) points.add(unescapeOctal(point));
  }
  return points;
}

const unescapeOctal = (field: string): string =>
  field.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
