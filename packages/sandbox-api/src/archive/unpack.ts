import { refuseArchive } from "./refusal.ts";
import { isTar } from "./tar-entries.ts";
import { unpackTar } from "./unpack-tar.ts";
import { unpackZip } from "./unpack-zip.ts";

export interface UnpackTarget {
  /** Empty, and nobody else's while it is filled. */
  readonly folder: string;
  readonly roomBytes: number;
  /** Takes a ZIP file alone, and of entries with one name the last counts; by default such an archive is refused. */
  readonly lastWins?: boolean;
}

export interface Unpacked {
  readonly contentBytes: number;
}

/**
 * Unpacks the archive behind `archiveFd`, a ZIP file or a TAR file with or without gzip: files and folders with their permissions,
 * of a TAR file links that stay inside. Nothing is written before every entry was looked at. @throws {AppError} INVALID_ARGUMENT
 */
export async function unpackArchive(archiveFd: number, target: UnpackTarget): Promise<Unpacked> {
  if (!isTar(archiveFd)) return unpackZip(archiveFd, target);
  if (target.lastWins !== true) return unpackTar(archiveFd, target);
  throw refuseArchive("it is a TAR file, or packed with gzip; send a ZIP file");
}
