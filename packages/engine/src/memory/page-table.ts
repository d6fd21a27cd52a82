import { readSync } from "node:fs";
import { readOrEmpty } from "../read-or-empty.ts";

/*
 * Pages of a process where the kernel has no PAGEMAP_SCAN (before Linux 6.7, so on Debian 12 too): the table of all its addresses,
 * read and filtered here. Source: the kernel's admin-guide/mm/pagemap.
 */

export const PAGE_BYTES = 4096;
const ENTRY_BYTES = 8;
const PRESENT = 1n << 63n;
const FILE_OR_SHARED = 1n << 61n;
/** In this process only: neither kept by two after a fork nor the page of zeros that all share. */
const EXCLUSIVE = 1n << 56n;
/** Read in one go, for 16 MiB of addresses: programs reserve many that they never use. */
const BLOCK_PAGE_COUNT = 4096;

export interface ProcessTable {
  readonly pid: number;
  readonly pagemapFd: number;
}

/** Addresses of private pages in RAM, in order, at most `maxPageCount` at a time, and none at all for a block that has none. */
export function* residentAddresses(table: ProcessTable, maxPageCount: number): Generator<number[]> {
  for (const area of areasOf(table.pid)) {
    let leftPageCount = area.pageCount;
    for (let start = area.start; start < area.end && leftPageCount > 0; start += BLOCK_PAGE_COUNT * PAGE_BYTES) {
      const addresses = readBlock(table.pagemapFd, start, area.end);
      leftPageCount -= addresses.length;
      do yield addresses.splice(0, maxPageCount);
      while (addresses.length > 0);
    }
  }
}

interface Area {
  readonly start: number;
  readonly end: number;
  /** At most so many are private and in RAM. */
  readonly pageCount: number;
}

/** Those that have private pages. Source: /proc/<pid>/smaps; none of a process that is gone. */
function areasOf(pid: number): Area[] {
  const areas = readOrEmpty(`/proc/${pid}/smaps`).matchAll(/^([0-9a-f]+)-([0-9a-f]+) [^]*?^Anonymous: +(\d+) kB/gm);
  return Array.from(areas, ([, start = "", end = "", anonymousKiB]) => ({
    start: Number.parseInt(start, 16),
    end: Number.parseInt(end, 16),
    pageCount: (Number(anonymousKiB) * 1024) / PAGE_BYTES,
  })).filter(({ pageCount }) => pageCount > 0);
}

function readBlock(pagemapFd: number, start: number, end: number): number[] {
  const pageCount = Math.min(BLOCK_PAGE_COUNT, (end - start) / PAGE_BYTES);
  const entries = new BigUint64Array(pageCount);
  const offset = (start / PAGE_BYTES) * ENTRY_BYTES;
  const readBytes = readSync(pagemapFd, entries, 0, entries.byteLength, offset);
  const addresses: number[] = [];
  for (const [index, entry] of entries.subarray(0, readBytes / ENTRY_BYTES).entries()) {
    if (isPrivateInRam(entry)) addresses.push(start + index * PAGE_BYTES);
  }
  return addresses;
}

const isPrivateInRam = (entry: bigint): boolean =>
  (entry & (PRESENT | FILE_OR_SHARED | EXCLUSIVE)) === (PRESENT | EXCLUSIVE);
