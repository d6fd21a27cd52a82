import { AppError } from "@dormouse/kernel";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { unpackArchive, type Unpacked } from "../unpack.ts";

/** A folder that archives are unpacked into, with the archive beside it. */
export class Place implements Disposable {
  readonly dir = mkdtempSync(join(tmpdir(), "dormouse-unpack-"));
  readonly folder = mkdtempSync(join(this.dir, "into-"));

  async unpack(archive: Uint8Array | string, roomBytes = 1024 ** 3, lastWins = false): Promise<Unpacked> {
    const file = join(this.dir, "archive");
    writeFileSync(file, archive);
    const fd = openSync(file, "r");
    try {
      return await unpackArchive(fd, { folder: this.folder, roomBytes, lastWins });
    } finally {
      closeSync(fd);
    }
  }

  read(path: string): string {
    return readFileSync(join(this.folder, path), "utf8");
  }

  mode(path: string): string {
    return (statSync(join(this.folder, path)).mode & 0o7777).toString(8);
  }

  [Symbol.dispose](): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** What a call that must be refused says. */
export async function refusal(call: Promise<unknown>): Promise<AppError> {
  const error: unknown = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof AppError) return error;
  throw new Error(`it was not refused: ${String(error)}`, { cause: error });
}
