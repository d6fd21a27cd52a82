import type { FileEntry } from "@dormouse/schema";
import type { BigIntStats } from "node:fs";
import type { Owners } from "./owners.ts";

/** Entry of the file at `path`, named `name`, which is empty in a single file's own answer. */
export function fileEntry(path: string, name: string, stats: BigIntStats, owners: Owners): FileEntry {
  return {
    path,
    name,
    permissions: formatPermissions(Number(stats.mode)),
    size: Number(stats.size),
    lastModified: formatTime(stats.mtimeNs),
    owner: owners.userName(Number(stats.uid)),
    group: owners.groupName(Number(stats.gid)),
  };
}

const TYPE_MASK = 0o170000;

/** Bits of the reference implementation's own file mode, which shows through in what clients read. */
const TYPE_BITS: Readonly<Record<number, number>> = {
  [0o140000]: 2 ** 24,
  [0o120000]: 2 ** 27,
  [0o060000]: 2 ** 26,
  [0o040000]: 2 ** 31,
  [0o020000]: 2 ** 26 + 2 ** 21,
  [0o010000]: 2 ** 25,
};
const SPECIAL_BITS: readonly (readonly [number, number])[] = [
  [0o4000, 2 ** 23],
  [0o2000, 2 ** 22],
  [0o1000, 2 ** 20],
];

/** Octal: `644` for a plain file, with type bits in front for everything else. */
export function formatPermissions(mode: number): string {
  let bits = (mode & 0o777) + (TYPE_BITS[mode & TYPE_MASK] ?? 0);
  for (const [special, bit] of SPECIAL_BITS) if ((mode & special) !== 0) bits += bit;
  return bits.toString(8);
}

/** RFC 3339 in UTC, with as many fraction digits as there are. */
export function formatTime(timeNs: bigint): string {
  const seconds = new Date(Number(timeNs / 1_000_000n)).toISOString().slice(0, 19);
  const fraction = String(((timeNs % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n).padStart(9, "0");
  const digits = fraction.replace(/0+$/, "");
  return `${seconds}${digits === "" ? "" : `.${digits}`}Z`;
}
