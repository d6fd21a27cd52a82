import { renameSync, rmSync } from "node:fs";
import { AppError } from "@dormouse/kernel";
import type { UnpackedVolume } from "@dormouse/schema";
import { saveArchive, unpackArchive } from "../archives.ts";
import { syncToDisk } from "../disk-sync.ts";
import { makeImage, shrinkImage } from "./images.ts";
import { untilUnmounted, withMountedImage } from "./loop-mounts.ts";

/*
 * A volume out of an archive from the outside. This process never looks into either: the agent does, without any right but that of
 * a sandbox's root, and sees nothing but the new volume (decision 0014).
 */

export interface Unpacking {
  readonly archive: ReadableStream<Uint8Array>;
  readonly sizeMiB: number;
  readonly archiveFile: string;
  readonly imageFile: string;
  readonly mountDir: string;
  /** The compiled sandbox-api executable. */
  readonly agentFile: string;
  readonly signal: AbortSignal;
}

const MIB = 1024 * 1024;

/** Makes the image or leaves nothing. @throws INVALID_ARGUMENT, TOO_LARGE, HOST_FULL, VOLUME_NOT_FOUND when it is ended */
export async function unpackImage(unpacking: Unpacking): Promise<UnpackedVolume> {
  const { archive, archiveFile, imageFile, mountDir, sizeMiB, agentFile, signal } = unpacking;
  const draft = `${imageFile}.new`;
  try {
    /* What a volume of this size can hold is never in a larger archive. */
    const state = `it is larger than the volume's ${sizeMiB} MB`;
    const tooLarge = new AppError("TOO_LARGE", `Cannot unpack the archive: ${state}`);
    await saveArchive({ archive, file: archiveFile, maxBytes: sizeMiB * MIB, tooLarge, signal });
    await makeImage(draft, sizeMiB, mountDir);
    const unpacked = await withMountedImage(draft, mountDir, () =>
      unpackArchive({ agentFile, archiveFile, folder: mountDir, signal }),
    );
    if (!(await untilUnmounted(draft))) throw new Error(`Cannot unmount "${draft}"`);
    await shrinkImage(draft);
    await syncToDisk(draft);
    signal.throwIfAborted();
    renameSync(draft, imageFile);
    return unpacked;
  } finally {
    rmSync(archiveFile, { force: true });
    rmSync(draft, { force: true });
  }
}
