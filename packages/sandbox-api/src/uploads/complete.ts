import { chmodSync, closeSync, ftruncateSync, lstatSync, mkdirSync, openSync, renameSync } from "node:fs";
import { dirname } from "node:path";
import { copyRange, type FilePosition } from "../files/descriptor-io.ts";
import { DEFAULT_FILE_MODE, WriteTarget } from "../files/write-target.ts";
import { hasErrorCode } from "../http.ts";
import { StagingDirectory } from "./staging-directory.ts";
import {
  isAt,
  type PartRecord,
  type PartSequence,
  totalBytes,
  type Upload,
  type UploadInfo,
  withOffsets,
} from "./upload.ts";

/**
 * Makes the destination hold the bytes of `sequence`: a new file appears complete, one that exists is written in place. What
 * fails leaves every part as it was. @throws the errno error of whatever fails.
 */
export async function complete(upload: Upload, sequence: PartSequence): Promise<void> {
  using directory = StagingDirectory.open(upload.info.staging);
  const file = upload.chooseTarget(sequence);
  try {
    await assemble(directory, file, sequence);
    await publish(directory.pathOf(file), upload.info, totalBytes(sequence));
  } catch (error) {
    if (!upload.parts.some((part) => part.file === file)) directory.remove(file);
    throw error;
  }
  directory.removeAll();
}

async function assemble(directory: StagingDirectory, file: string, sequence: PartSequence): Promise<void> {
  const fd = directory.openFile(file);
  try {
    for (const [part, atBytes] of withOffsets(sequence)) {
      if (!isAt(part, file, atBytes)) await copyPart(directory, part, { fd, offsetBytes: atBytes });
    }
    ftruncateSync(fd, totalBytes(sequence));
  } finally {
    closeSync(fd);
  }
}

async function copyPart(directory: StagingDirectory, part: PartRecord, to: FilePosition): Promise<void> {
  const fd = directory.openFile(part.file);
  try {
    await copyRange({ fd, offsetBytes: part.offsetBytes }, to, part.sizeBytes);
  } finally {
    closeSync(fd);
  }
}

async function publish(from: string, info: UploadInfo, sizeBytes: number): Promise<void> {
  const isNew = lstatSync(info.path, { throwIfNoEntry: false }) === undefined;
  if (isNew && moveInto(from, info)) return;
  const fd = openSync(from, "r");
  try {
    using target = new WriteTarget(info.path);
    await copyRange({ fd, offsetBytes: 0 }, { fd: target.fd, offsetBytes: 0 }, sizeBytes);
    target.commit(info.mode);
  } finally {
    closeSync(fd);
  }
}

/** False when something has been mounted on the way to the destination since the upload began. */
function moveInto(from: string, { path, mode }: UploadInfo): boolean {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  chmodSync(from, (mode ?? DEFAULT_FILE_MODE) & ~process.umask());
  try {
    renameSync(from, path);
    return true;
  } catch (error) {
    if (hasErrorCode(error, "EXDEV")) return false;
    throw error;
  }
}
