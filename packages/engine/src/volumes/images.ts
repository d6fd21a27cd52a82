import {
  closeSync,
  lstatSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  statfsSync,
  statSync,
  truncateSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { AppError } from "@dormouse/kernel";
import { runCommand } from "../run-command.ts";
import { MAPPED_ROOT_ID } from "../user-namespace.ts";
import { canGrowMounted, loopDeviceOf, withMountedImage } from "./loop-mounts.ts";

const MIB = 1024 * 1024;

/** 4096-byte blocks can grow to any size; what is left out at first is made in the background, when it is used. */
const EXTENDED_OPTIONS = `root_owner=${MAPPED_ROOT_ID}:${MAPPED_ROOT_ID},lazy_itable_init=1,lazy_journal_init=1,nodiscard`;
const MAKE_FILE_SYSTEM = ["mkfs.ext4", "-q", "-F", "-b", "4096", "-m", "0", "-E", EXTENDED_OPTIONS];

interface ImageCopy {
  readonly sizeMiB: number;
  readonly mountDir: string;
}

/** Writes a sparse file with an empty file system of exactly its size, owned by root inside; all of it or nothing. */
export async function makeImage(imageFile: string, sizeMiB: number, mountDir: string): Promise<void> {
  assertRoom(imageFile, sizeMiB * MIB);
  const draft = `${imageFile}.new`;
  try {
    closeSync(openSync(draft, "w", 0o600));
    truncateSync(draft, sizeMiB * MIB);
    await runCommand([...MAKE_FILE_SYSTEM, draft]);
    /* Some programs, such as databases, take only an empty folder, and this one would be nobody's inside. */
    await withMountedImage(draft, mountDir, async () => rmdirSync(join(mountDir, "lost+found")));
    renameSync(draft, imageFile);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

/** An image with what is in another one nobody uses, of a size it fits into; all of it or nothing. */
export async function copyImage(source: string, imageFile: string, { sizeMiB, mountDir }: ImageCopy): Promise<void> {
  assertRoom(imageFile, sizeMiB * MIB);
  const draft = `${imageFile}.new`;
  try {
    /* Holes stay holes, and where the file system can share blocks it does. */
    await runCommand(["cp", "--reflink=auto", source, draft]);
    await growImage(draft, sizeMiB, mountDir);
    renameSync(draft, imageFile);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

/** Makes a file system nobody uses as small as its content allows, in whole MiB. */
export async function shrinkImage(imageFile: string): Promise<void> {
  await checkImage(imageFile);
  await runCommand(["resize2fs", "-M", imageFile]);
  truncateSync(imageFile, Math.ceil(sizeOfImage(imageFile)) * MIB);
}

export const sizeOfImage = (imageFile: string): number => statSync(imageFile).size / MIB;

/** Grows a file system nobody uses. Can be repeated after a failure. */
export async function growImage(imageFile: string, sizeMiB: number, mountDir: string): Promise<void> {
  assertRoom(imageFile, (sizeMiB - sizeOfImage(imageFile)) * MIB);
  truncateSync(imageFile, sizeMiB * MIB);
  await checkImage(imageFile);
  await runCommand(["resize2fs", imageFile]);
  await withMountedImage(imageFile, mountDir, async () => removeOurLostAndFound(join(mountDir, "lost+found")));
}

/** Also replays the journal of a machine that lost power. */
async function checkImage(imageFile: string): Promise<void> {
  /* Its exit code 1 means "and now all is well". */
  await runCommand(["sh", "-c", 'e2fsck -fp "$1" || test $? = 1', "check", imageFile]);
}

/** The check makes it, owned by the host's root, which nobody in a sandbox is; one with rescued files in it stays. */
function removeOurLostAndFound(dir: string): void {
  const stat = lstatSync(dir, { throwIfNoEntry: false });
  if (stat?.uid === 0 && readdirSync(dir).length === 0) rmdirSync(dir);
}

/** Grows a file system that a sandbox uses. @throws VOLUME_IN_USE where the kernel does not let us */
export async function growMountedImage(imageFile: string, sizeMiB: number, mountDir: string): Promise<void> {
  if (!canGrowMounted()) {
    throw new AppError("VOLUME_IN_USE", "Cannot grow the volume while a sandbox has it: this host does not allow it", {
      hint: "Delete the sandbox, grow the volume and create the sandbox again; `dormouse doctor` says what the host lacks",
    });
  }
  assertRoom(imageFile, (sizeMiB - sizeOfImage(imageFile)) * MIB);
  truncateSync(imageFile, sizeMiB * MIB);
  await withMountedImage(imageFile, mountDir, async () => {
    const device = await loopDeviceOf(imageFile);
    if (device === undefined) throw new Error(`Cannot grow "${imageFile}": its loop device is gone`);
    await runCommand(["losetup", "--set-capacity", device]);
    await runCommand(["resize2fs", device]);
  });
}

/** A volume takes its space only when it is filled, but a size the disk cannot hold even now is no promise to make. */
function assertRoom(imageFile: string, sizeBytes: number): void {
  const { bavail, bsize } = statfsSync(dirname(imageFile));
  if (sizeBytes <= bavail * bsize) return;
  const freeMiB = Math.floor((bavail * bsize) / MIB);
  throw new AppError("HOST_FULL", `Cannot give a volume ${Math.ceil(sizeBytes / MIB)} MB: ${freeMiB} MB are free`, {
    hint: "Ask for less, or delete volumes and sandboxes that are no longer needed",
  });
}
