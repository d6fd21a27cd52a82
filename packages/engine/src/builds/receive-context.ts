import { chownSync, rmSync } from "node:fs";
import { AppError } from "@dormouse/kernel";
import { saveArchive, unpackArchive } from "../archives.ts";
import { MAPPED_ROOT_ID } from "../user-namespace.ts";
import type { BuildFiles } from "./build-records.ts";
import { type ContextFiles, takeContextFiles } from "./context-files.ts";

export interface ContextUpload {
  readonly archive: ReadableStream<Uint8Array>;
  readonly files: BuildFiles;
  /** The compiled sandbox-api executable. */
  readonly agentFile: string;
  /** Of the archive, and of what is in it. */
  readonly maxMiB: number;
  readonly signal: AbortSignal;
}

const MIB = 1024 * 1024;

/**
 * Unpacks a ZIP file into the folder of its build; the archive itself does not stay.
 * @throws INVALID_ARGUMENT with what is wrong with the archive, TOO_LARGE, HOST_FULL, and what `signal` is aborted with
 */
export async function receiveContext(upload: ContextUpload): Promise<ContextFiles> {
  const { archive, files, agentFile, maxMiB, signal } = upload;
  const tooLarge = new AppError("TOO_LARGE", `Cannot build the image: its context is larger than ${maxMiB} MB`, {
    hint: "Leave out what the build does not need, such as node_modules and .git",
  });
  await saveArchive({ archive, file: files.archive, maxBytes: maxMiB * MIB, tooLarge, signal });
  chownSync(files.context, MAPPED_ROOT_ID, MAPPED_ROOT_ID);
  const roomBytes = maxMiB * MIB;
  const archiveFile = files.archive;
  await unpackArchive({ agentFile, archiveFile, folder: files.context, roomBytes, lastWins: true, signal });
  rmSync(files.archive);
  return takeContextFiles(files.context);
}
