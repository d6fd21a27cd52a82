import { openSync, writeFileSync } from "node:fs";
import { AppError } from "@dormouse/kernel";

/**
 * On the disk, what root inside owns belongs to this user, whichever sandbox it is in; who else owns something inside follows.
 * Tools that work for a sandbox outside of it run as this user, a user that owns nothing else on the host.
 */
export const MAPPED_ROOT_ID = 100_000;

/** How many users and groups a sandbox has: all that its files can belong to. */
export const ID_COUNT = 65_536;

export interface UserNamespace {
  /** The host's user it is made by. */
  readonly owner: number;
  /** Of users and of groups, as lines of /proc/<pid>/uid_map (user_namespaces(7)). */
  readonly mapping: string;
}

/**
 * One process in each namespace, which says so and waits; all end with this one. Made with the right to, also where users may make
 * none themselves.
 */
const HOLD = `
  exec 3<&0
  index=0
  for owner; do
    as="setpriv --reuid=$owner --regid=$owner --clear-groups --inh-caps=+sys_admin --ambient-caps=+sys_admin"
    [ "$owner" != 0 ] || as=
    $as unshare --user sh -c 'echo "$0 $$"; read -r _' "$index" <&3 &
    index=$((index + 1))
  done
  wait`;

/** Where the kernel refuses one and not the others. */
const TIMEOUT_MS = 20_000;

/** Descriptors of new user namespaces; the kernel keeps each as long as it is open. @throws HOST_UNSUITABLE */
export async function openUserNamespaces(namespaces: readonly UserNamespace[]): Promise<number[]> {
  const owners = namespaces.map(({ owner }) => String(owner));
  const holder = Bun.spawn(["sh", "-c", HOLD, "hold", ...owners], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "ignore",
  });
  const end = (): void => void holder.stdin.end();
  const timer = setTimeout(end, TIMEOUT_MS);
  try {
    const pids = await readPids(holder.stdout, namespaces.length);
    return namespaces.map(({ mapping }, index) => {
      const process = `/proc/${pids.get(index) ?? ""}`;
      for (const file of ["uid_map", "gid_map"]) writeFileSync(`${process}/${file}`, mapping);
      return openSync(`${process}/ns/user`, "r");
    });
  } finally {
    clearTimeout(timer);
    end();
    await holder.exited;
  }
}

/** One with the mapping of the disk, for host tools. @throws HOST_UNSUITABLE */
export async function openMappedUserNamespace(): Promise<number> {
  const [descriptor = -1] = await openUserNamespaces([{ owner: 0, mapping: `0 ${MAPPED_ROOT_ID} ${ID_COUNT}` }]);
  return descriptor;
}

/** By the indexes of their namespaces. */
async function readPids(output: ReadableStream<Uint8Array>, count: number): Promise<Map<number, number>> {
  const pids = new Map<number, number>();
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of output) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const [index = -1, pid = -1] of lines.map((line) => line.split(" ").map(Number))) pids.set(index, pid);
    if (pids.size === count) return pids;
  }
  throw new AppError("HOST_UNSUITABLE", "Cannot make a user namespace: the kernel refused", {
    hint: "Run `dormouse doctor`; user namespaces must be enabled for root",
  });
}
