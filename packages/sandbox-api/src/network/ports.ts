import type { PortEntry } from "@dormouse/schema";
import { readFile } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import { findFamily, findSockets, readMembers } from "../processes/proc-sockets.ts";
import { isListening, readSocketTable, type SocketEntry } from "./socket-table.ts";

/** A process may hold thousands of connections; the first ones of a list are those that listen. */
const MAX_ENTRIES = 1000;
/** Other requests get their turn after that many processes. */
const BATCH_SIZE = 16;

/** What the process group `groupId` and all descendants hold, one entry for each local port; those that listen come first. */
export async function listPorts(groupId: number): Promise<PortEntry[]> {
  const holders = await findHolders(findFamily(groupId));
  if (holders.size === 0) return [];
  const held = (await readSocketTable()).filter(({ inode, localPort }) => localPort > 0 && holders.has(inode));
  held.sort((a, b) => Number(isListening(b)) - Number(isListening(a)) || a.localPort - b.localPort);
  return describe(
    firstOfEach(held, ({ protocol, localPort }) => `${protocol} ${localPort}`),
    holders,
  );
}

/** Everything in the sandbox that listens, by port. */
export async function listListeners(): Promise<PortEntry[]> {
  const sockets = (await readSocketTable()).filter((socket) => isListening(socket) && socket.localPort > 0);
  sockets.sort((a, b) => a.localPort - b.localPort);
  const holders = await findHolders(readMembers().map(({ pid }) => pid));
  return describe(
    firstOfEach(sockets, ({ protocol, localAddr, localPort }) => `${protocol} ${localAddr} ${localPort}`),
    holders,
  );
}

/** The process that holds each socket, by inode; the eldest where several do. */
async function findHolders(pids: Iterable<number>): Promise<Map<string, number>> {
  const holders = new Map<string, number>();
  for (const [index, pid] of [...pids].sort((a, b) => a - b).entries()) {
    for (const inode of findSockets([pid])) if (!holders.has(inode)) holders.set(inode, pid);
    if (index % BATCH_SIZE === BATCH_SIZE - 1) await setImmediate();
  }
  return holders;
}

function firstOfEach(sockets: readonly SocketEntry[], keyOf: (socket: SocketEntry) => string): SocketEntry[] {
  const first = new Map<string, SocketEntry>();
  for (const socket of sockets) {
    const key = keyOf(socket);
    if (!first.has(key)) first.set(key, socket);
  }
  return [...first.values()].slice(0, MAX_ENTRIES);
}

async function describe(sockets: readonly SocketEntry[], holders: ReadonlyMap<string, number>): Promise<PortEntry[]> {
  const names = new Map<number, string>();
  for (const pid of new Set(sockets.map(({ inode }) => holders.get(inode) ?? 0))) names.set(pid, await readName(pid));
  return sockets.map(({ inode, ...socket }) => {
    const pid = holders.get(inode) ?? 0;
    return { pid, ...socket, processName: names.get(pid) ?? "" };
  });
}

const readName = async (pid: number): Promise<string> =>
  (await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "")).trimEnd();
