import { read, write } from "node:fs";

const COPY_CHUNK_BYTES = 1024 * 1024;

/** Where bytes are, or go: a descriptor and an offset in its file. */
export interface FilePosition {
  readonly fd: number;
  readonly offsetBytes: number;
}

async function writeAll({ fd, offsetBytes }: FilePosition, chunk: Uint8Array): Promise<void> {
  for (let done = 0; done < chunk.length;) {
    done += await writeSome(fd, chunk.subarray(done), offsetBytes + done);
  }
}

/** Copies `sizeBytes` between files, in bounded memory. @throws when the source ends before. */
export async function copyRange(from: FilePosition, to: FilePosition, sizeBytes: number): Promise<void> {
  const buffer = Buffer.allocUnsafe(Math.min(COPY_CHUNK_BYTES, sizeBytes));
  for (let done = 0; done < sizeBytes;) {
    const wanted = buffer.subarray(0, Math.min(buffer.length, sizeBytes - done));
    const readBytes = await readSome(from.fd, wanted, from.offsetBytes + done);
    if (readBytes === 0) throw new Error("unexpected end of file");
    await writeAll({ fd: to.fd, offsetBytes: to.offsetBytes + done }, wanted.subarray(0, readBytes));
    done += readBytes;
  }
}

function writeSome(fd: number, bytes: Uint8Array, offsetBytes: number): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, 0, bytes.length, offsetBytes, (error, writtenBytes) =>
      error === null ? resolve(writtenBytes) : reject(error),
    );
  });
}

function readSome(fd: number, into: Uint8Array, offsetBytes: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, into, 0, into.length, offsetBytes, (error, readBytes) =>
      error === null ? resolve(readBytes) : reject(error),
    );
  });
}
