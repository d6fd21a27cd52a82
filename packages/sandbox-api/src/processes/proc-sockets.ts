import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { readFile } from "node:fs/promises";

/** State 0A; thousands of connections may stand around the listeners. */
const LISTENING_LINE = /^ *\d+: [0-9A-F:]+ [0-9A-F:]+ 0A .*$/gm;
const TABLES = ["/proc/net/tcp", "/proc/net/tcp6"];

/**
 * Inodes of the sockets that listen on each of `ports`, on whatever address: others reach those on loopback too. Read on another
 * thread: the kernel walks its whole connection table for it, which takes milliseconds.
 */
export async function findListeners(ports: ReadonlySet<number>): Promise<Map<number, Set<string>>> {
  const tables = await Promise.all(TABLES.map((table) => readFile(table, "latin1").catch(() => "")));
  const listeners = new Map<number, Set<string>>();
  for (const [line] of tables.join("").matchAll(LISTENING_LINE)) {
    const [, local = "", , , , , , , , inode = ""] = line.trim().split(/\s+/);
    const port = Number.parseInt(local.slice(local.indexOf(":") + 1), 16);
    if (!ports.has(port)) continue;
    listeners.set(port, (listeners.get(port) ?? new Set()).add(inode));
  }
  return listeners;
}

export interface Member {
  readonly pid: number;
  readonly parentPid: number;
  readonly groupId: number;
  readonly sessionId: number;
}

/** Every process there is, zombies excepted. */
export const readMembers = (): Member[] => readdirSync("/proc").flatMap((name) => readMember(name) ?? []);

/** Pids of the process `groupId`, of everything in its group or session, and of all descendants of those. */
export function findFamily(groupId: number): Set<number> {
  const all = readMembers();
  const family = new Set<number>();
  for (const member of all) {
    if ([member.pid, member.groupId, member.sessionId].includes(groupId)) family.add(member.pid);
  }
  for (let hasGrown = true; hasGrown;) {
    const grown = all.filter((member) => !family.has(member.pid) && family.has(member.parentPid));
    for (const member of grown) family.add(member.pid);
    hasGrown = grown.length > 0;
  }
  return family;
}

/** Inodes of the sockets these processes hold. */
export function findSockets(pids: Iterable<number>): Set<string> {
  const inodes = new Set<string>();
  for (const pid of pids) {
    for (const fd of listOrEmpty(`/proc/${pid}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec(linkOrEmpty(`/proc/${pid}/fd/${fd}`))?.[1];
      if (inode !== undefined) inodes.add(inode);
    }
  }
  return inodes;
}

/** The command name, in parentheses, may itself hold spaces and parentheses. Zombies are no members. */
function readMember(name: string): Member | null {
  if (!/^\d+$/.test(name)) return null;
  const stat = readOrEmpty(`/proc/${name}/stat`);
  const [state, parentPid, groupId, sessionId] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (state === undefined || state === "" || state === "Z") return null;
  return { pid: Number(name), parentPid: Number(parentPid), groupId: Number(groupId), sessionId: Number(sessionId) };
}

const readOrEmpty = (path: string): string => orEmpty(() => readFileSync(path, "latin1"), "");
const listOrEmpty = (path: string): string[] => orEmpty(() => readdirSync(path), []);
const linkOrEmpty = (path: string): string => orEmpty(() => readlinkSync(path), "");

/** Processes come and go while /proc is read. */
function orEmpty<T>(read: () => T, empty: T): T {
  try {
    return read();
  } catch {
    return empty;
  }
}
