import { readFile } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";

/** A socket as the kernel lists it, whoever holds it. */
export interface SocketEntry {
  readonly protocol: "tcp" | "udp";
  readonly localAddr: string;
  readonly localPort: number;
  readonly remoteAddr: string;
  readonly remotePort: number;
  /** As `ss` names it. */
  readonly state: string;
  readonly inode: string;
}

const TABLES = [
  ["tcp", "/proc/net/tcp"],
  ["tcp", "/proc/net/tcp6"],
  ["udp", "/proc/net/udp"],
  ["udp", "/proc/net/udp6"],
] as const;

/** Slot, local address and port, remote ones, state; then queues, timers, retransmits, uid and timeout, and the inode. */
const LINE = /^ *\d+: ([0-9A-F]+):([0-9A-F]{4}) ([0-9A-F]+):([0-9A-F]{4}) ([0-9A-F]{2}) \S+ \S+ \S+ +\d+ +\d+ (\d+)/gm;
const STATES: Readonly<Record<string, string>> = {
  "01": "ESTAB",
  "02": "SYN-SENT",
  "03": "SYN-RECV",
  "04": "FIN-WAIT-1",
  "05": "FIN-WAIT-2",
  "06": "TIME-WAIT",
  "07": "UNCONN",
  "08": "CLOSE-WAIT",
  "09": "LAST-ACK",
  "0A": "LISTEN",
  "0B": "CLOSING",
};
/** Other requests get their turn after that many lines. */
const BATCH_SIZE = 1000;

/** Every TCP and UDP socket in the sandbox. Read on another thread, as the kernel walks all its connections for it. */
export async function readSocketTable(): Promise<SocketEntry[]> {
  const texts = await Promise.all(TABLES.map(([, path]) => readFile(path, "latin1").catch(() => "")));
  const sockets: SocketEntry[] = [];
  for (const [index, [protocol]] of TABLES.entries()) {
    for (const match of (texts[index] ?? "").matchAll(LINE)) {
      sockets.push(toEntry(protocol, match));
      if (sockets.length % BATCH_SIZE === 0) await setImmediate();
    }
  }
  return sockets;
}

/** True for a socket that others can reach without having been called by it. */
export const isListening = ({ protocol, state }: Pick<SocketEntry, "protocol" | "state">): boolean =>
  state === (protocol === "tcp" ? "LISTEN" : "UNCONN");

function toEntry(protocol: "tcp" | "udp", match: RegExpExecArray): SocketEntry {
  const [, localHex = "", localPort = "", remoteHex = "", remotePort = "", state = "", inode = ""] = match;
  return {
    protocol,
    localAddr: formatAddress(localHex),
    localPort: Number.parseInt(localPort, 16),
    remoteAddr: formatAddress(remoteHex),
    remotePort: Number.parseInt(remotePort, 16),
    state: STATES[state] ?? "UNKNOWN",
    inode,
  };
}

/** The kernel prints each 32-bit word of an address as this machine's number, so little end first. */
export function formatAddress(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => [...Buffer.from(word, "hex")].toReversed());
  if (bytes.length === 4) return bytes.join(".");
  const isMapped = /^0{16}FFFF0000/.test(hex);
  if (isMapped) return `::ffff:${bytes.slice(12).join(".")}`;
  const groups = Buffer.from(bytes).toString("hex").match(/.{4}/g) ?? [];
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
}
