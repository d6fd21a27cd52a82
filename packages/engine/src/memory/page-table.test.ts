import { expect, test } from "bun:test";
import { closeSync, openSync } from "node:fs";
import { PAGE_BYTES, residentAddresses } from "./page-table.ts";
import { ProcessMemory } from "./process-memory.ts";

const HELD_MIB = 20;

/** Holds private memory, and beside it addresses that it only reserved, but for one page; 0x4000 is MAP_NORESERVE. */
const HOLDER = `
import mmap, os, sys
held = os.urandom(${HELD_MIB} << 20)
reserved = mmap.mmap(-1, 8 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000)
zeros = [reserved[at] for at in range(0, 1 << 20, 4096)]
reserved[4 << 30] = 1
print("ready", flush=True)
sys.stdin.read()
`;

test("the private pages of a process are found without PAGEMAP_SCAN, those it only reserved or read zeros from are not", async () => {
  await using holder = Bun.spawn(["python3", "-c", HOLDER], { stdin: "pipe", stdout: "pipe" });
  await holder.stdout.getReader().read();
  const pagemapFd = openSync(`/proc/${holder.pid}/pagemap`, "r");
  const chunks = [...residentAddresses({ pid: holder.pid, pagemapFd }, 64)];
  closeSync(pagemapFd);
  const found = chunks.flat();
  expect(Math.max(...chunks.map((chunk) => chunk.length))).toBe(64);
  expect(found).toEqual(found.toSorted((one, other) => one - other));
  expect(found.length * PAGE_BYTES).toBeGreaterThan(HELD_MIB * 2 ** 20);
  expect(found.length * PAGE_BYTES).toBeLessThan((HELD_MIB + 10) * 2 ** 20);
  expect(found).toEqual(pagesOf(holder.pid));
});

test("a process that is gone has none", () => {
  const pagemapFd = openSync("/proc/self/pagemap", "r");
  expect([...residentAddresses({ pid: 2 ** 22 + 1, pagemapFd }, 64)]).toEqual([]);
  closeSync(pagemapFd);
});

/** As the pager finds them: with PAGEMAP_SCAN where the kernel has it. */
function pagesOf(pid: number): number[] {
  using memory = ProcessMemory.open(pid);
  return [...(memory?.resident(256 * 1024) ?? [])].flatMap(({ ranges }) => {
    const pages: number[] = [];
    for (let index = 0; index < ranges.length; index += 2) {
      const [start, length] = [Number(ranges[index]), Number(ranges[index + 1])];
      for (let at = start; at < start + length; at += PAGE_BYTES) pages.push(at);
    }
    return pages;
  });
}
