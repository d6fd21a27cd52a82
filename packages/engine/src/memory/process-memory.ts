import { closeSync, openSync } from "node:fs";
import { dlopen, FFIType, ptr } from "bun:ffi";
import { PAGE_BYTES, residentAddresses } from "./page-table.ts";

/*
 * The numbers are those of every 64-bit Linux: pidfd_open and process_madvise came after the tables were unified, and the
 * request of PAGEMAP_SCAN (Linux 6.7) is built from the size of its argument.
 */
const libc = dlopen("libc.so.6", {
  syscall: {
    args: [FFIType.i64, FFIType.i64, FFIType.ptr, FFIType.i64, FFIType.i64, FFIType.i64],
    returns: FFIType.i64,
  },
  ioctl: { args: [FFIType.i32, FFIType.u64, FFIType.ptr], returns: FFIType.i32 },
});

const SYS_PIDFD_OPEN = 434;
const SYS_PROCESS_MADVISE = 440;
const MADV_WILLNEED = 3;
const MADV_PAGEOUT = 21;
const PAGEMAP_SCAN = 0xc0606610;
const PAGE_IS_FILE = 1n << 2n;
const PAGE_IS_PRESENT = 1n << 3n;
const PAGE_IS_PFNZERO = 1n << 5n;
const ADDRESS_SPACE_END = 0x7fff_ffff_f000n;

/** Fields of `struct pm_scan_arg`, each 64 bits. */
const SCAN = {
  size: 0,
  start: 2,
  end: 3,
  walkEnd: 4,
  vec: 5,
  vecLength: 6,
  maxPages: 7,
  inverted: 8,
  mask: 9,
  wanted: 11,
};
const SCAN_FIELD_COUNT = 12;
/** `struct page_region`: start, end, categories. */
const REGION_FIELD_COUNT = 3;

/** Some of the pages of a process, at most as many as were asked for, and perhaps none. */
export interface Pages {
  /** What the kernel takes as `struct iovec`: address and length, again and again. */
  readonly ranges: BigUint64Array;
  readonly sizeBytes: number;
}

/**
 * The private memory of one process that is in RAM: what it wrote itself, which alone needs swap to leave. Pages of files are
 * shared between sandboxes and the host, or come back from their file.
 */
export class ProcessMemory implements Disposable {
  readonly #pid: number;
  readonly #pidFd: number;
  readonly #pagemapFd: number;

  /** `undefined` when there is no such process any more. */
  static open(pid: number): ProcessMemory | undefined {
    const pidFd = Number(libc.symbols.syscall(SYS_PIDFD_OPEN, pid, null, 0, 0, 0));
    if (pidFd < 0) return undefined;
    try {
      return new ProcessMemory({ pid, pidFd, pagemapFd: openSync(`/proc/${pid}/pagemap`, "r") });
    } catch {
      closeSync(pidFd);
      return undefined;
    }
  }

  private constructor({ pid, pidFd, pagemapFd }: { pid: number; pidFd: number; pagemapFd: number }) {
    this.#pid = pid;
    this.#pidFd = pidFd;
    this.#pagemapFd = pagemapFd;
  }

  /** In the order of addresses, at most `maxBytes` at a time; looked up as they are asked for. */
  *resident(maxBytes: number): Generator<Pages> {
    const maxPageCount = Math.ceil(maxBytes / PAGE_BYTES);
    /* Without a buffer of its own an array would be moved when it gets one, and the kernel would write to the old place. */
    const found = new BigUint64Array(new ArrayBuffer(maxPageCount * REGION_FIELD_COUNT * 8));
    const scan = new BigUint64Array(SCAN_FIELD_COUNT);
    scan[SCAN.size] = BigInt(scan.byteLength);
    scan[SCAN.end] = ADDRESS_SPACE_END;
    scan[SCAN.vec] = BigInt(ptr(found));
    scan[SCAN.vecLength] = BigInt(maxPageCount);
    scan[SCAN.maxPages] = BigInt(maxPageCount);
    scan[SCAN.inverted] = PAGE_IS_FILE | PAGE_IS_PFNZERO;
    scan[SCAN.mask] = PAGE_IS_PRESENT | PAGE_IS_FILE | PAGE_IS_PFNZERO;
    scan[SCAN.wanted] = PAGE_IS_PRESENT;
    while ((scan[SCAN.start] ?? 0n) < ADDRESS_SPACE_END) {
      const count = libc.symbols.ioctl(this.#pagemapFd, PAGEMAP_SCAN, scan);
      if (count < 0) yield* this.#readTable(maxPageCount);
      if (count <= 0) return;
      yield asPages(found.subarray(0, count * REGION_FIELD_COUNT));
      scan[SCAN.start] = scan[SCAN.walkEnd] ?? ADDRESS_SPACE_END;
    }
  }

  /** Before Linux 6.7. */
  *#readTable(maxPageCount: number): Generator<Pages> {
    const table = { pid: this.#pid, pagemapFd: this.#pagemapFd };
    for (const addresses of residentAddresses(table, maxPageCount)) yield pagesAt(addresses);
  }

  /** Asks the kernel to move the pages to swap; what it cannot move stays. */
  pageOut(pages: Pages): void {
    this.#advise(pages, MADV_PAGEOUT);
  }

  /** Reads what of the pages is in swap into RAM, where the process finds it when it touches them. */
  readAhead(pages: Pages): void {
    this.#advise(pages, MADV_WILLNEED);
  }

  #advise({ ranges }: Pages, advice: number): void {
    if (ranges.length === 0) return;
    libc.symbols.syscall(SYS_PROCESS_MADVISE, this.#pidFd, ranges, ranges.length / 2, advice, 0);
  }

  [Symbol.dispose](): void {
    closeSync(this.#pagemapFd);
    closeSync(this.#pidFd);
  }
}

/** Whether this kernel says which pages a process has in RAM. */
export function canFindPages(): boolean {
  using own = ProcessMemory.open(process.pid);
  return own?.resident(PAGE_BYTES).next().done === false;
}

/** Regions as the kernel reports them, made into what it takes. */
function asPages(regions: BigUint64Array): Pages {
  const count = regions.length / REGION_FIELD_COUNT;
  const ranges = new BigUint64Array(count * 2);
  let sizeBytes = 0;
  for (let index = 0; index < count; index++) {
    const start = regions[index * REGION_FIELD_COUNT] ?? 0n;
    const length = (regions[index * REGION_FIELD_COUNT + 1] ?? 0n) - start;
    ranges.set([start, length], index * 2);
    sizeBytes += Number(length);
  }
  return { ranges, sizeBytes };
}

/** Neighbours in one range. */
function pagesAt(addresses: readonly number[]): Pages {
  const starts = addresses.filter((address, index) => addresses[index - 1] !== address - PAGE_BYTES);
  const ends = addresses.filter((address, index) => addresses[index + 1] !== address + PAGE_BYTES);
  const ranges = starts.flatMap((start, index) => [start, (ends[index] ?? start) + PAGE_BYTES - start]);
  return { ranges: BigUint64Array.from(ranges, BigInt), sizeBytes: addresses.length * PAGE_BYTES };
}
