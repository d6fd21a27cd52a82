import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DiskSync, syncToDisk } from "./disk-sync.ts";

test("files and folders are put on the disk, and one that is gone by then stops none of the others", async () => {
  const dir = mkdtempSync(join(tmpdir(), "dormouse-disk-"));
  try {
    const file = join(dir, "record.json");
    writeFileSync(file, "{}");
    await syncToDisk(file);
    await syncToDisk(dir);
    await expect(syncToDisk(join(dir, "gone"))).rejects.toThrow("ENOENT");
    const disk = new DiskSync();
    disk.later(join(dir, "gone"), file, dir);
    disk.later(file);
    await disk[Symbol.asyncDispose]();
    disk.later(dir);
    await disk[Symbol.asyncDispose]();
  } finally {
    rmSync(dir, { recursive: true });
  }
});
