import { closeSync, createWriteStream, openSync, renameSync, rmSync } from "node:fs";
import { Writable } from "node:stream";
import { AppError } from "@dormouse/kernel";
import { UnpackedVolume } from "@dormouse/schema";
import { z } from "zod";
import { MAPPED_ROOT_ID } from "../user-namespace.ts";
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
const UNPACK_TIMEOUT_MS = 15 * 60_000;
const SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin";

/** No network, no sight of other processes, no new rights, and it ends with the engine. */
const CONFINED = ["setpriv", "--pdeathsig=KILL", "--no-new-privs", "unshare", "--net", "--ipc", "--pid", "--fork"];

/** Makes the image or leaves nothing. @throws INVALID_ARGUMENT, TOO_LARGE, HOST_FULL, VOLUME_NOT_FOUND when it is ended */
export async function unpackImage(unpacking: Unpacking): Promise<UnpackedVolume> {
  const { archiveFile, imageFile, mountDir, sizeMiB } = unpacking;
  const draft = `${imageFile}.new`;
  try {
    await saveArchive(unpacking);
    await makeImage(draft, sizeMiB, mountDir);
    const unpacked = await withMountedImage(draft, mountDir, () => runUnpacker(unpacking));
    if (!(await untilUnmounted(draft))) throw new Error(`Cannot unmount "${draft}"`);
    await shrinkImage(draft);
    await syncToDisk(draft);
    unpacking.signal.throwIfAborted();
    renameSync(draft, imageFile);
    return unpacked;
  } finally {
    rmSync(archiveFile, { force: true });
    rmSync(draft, { force: true });
  }
}

async function saveArchive({ archive, archiveFile, sizeMiB, signal }: Unpacking): Promise<void> {
  const file = Writable.toWeb(createWriteStream(archiveFile, { flags: "w", mode: 0o600 }));
  await archive
    .pipeThrough(atMost(sizeMiB))
    .pipeTo(file, { signal })
    .catch((cause: unknown) => {
      if (cause instanceof AppError) throw cause;
      const isFull = (cause as { code?: unknown } | undefined)?.code === "ENOSPC";
      if (isFull) throw new AppError("HOST_FULL", "Cannot keep the archive: the disk is full", { cause });
      throw new AppError("INVALID_ARGUMENT", "Cannot unpack the archive: its upload was cut off", { cause });
    });
}

/** What a volume of this size can hold is never in a larger archive. */
function atMost(sizeMiB: number): TransformStream<Uint8Array, Uint8Array> {
  let bytes = 0;
  return new TransformStream({
    transform(chunk, controller) {
      bytes += chunk.length;
      if (bytes <= sizeMiB * MIB) return controller.enqueue(chunk);
      throw new AppError("TOO_LARGE", `Cannot unpack the archive: it is larger than the volume's ${sizeMiB} MB`);
    },
  });
}

const Report = z.union([UnpackedVolume, z.object({ refusal: z.string().max(8192) })]);

async function runUnpacker({ agentFile, mountDir, archiveFile, signal }: Unpacking): Promise<UnpackedVolume> {
  const archiveFd = openSync(archiveFile, "r");
  const user = `${MAPPED_ROOT_ID}:${MAPPED_ROOT_ID}`;
  try {
    const child = Bun.spawn([...CONFINED, "--kill-child", agentFile, "--unpack-into", mountDir, "--user", user], {
      stdio: [archiveFd, "pipe", "pipe"],
      env: { PATH: SYSTEM_PATH },
      signal,
      timeout: UNPACK_TIMEOUT_MS,
      killSignal: "SIGKILL",
    });
    const [output, complaint] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    signal.throwIfAborted();
    if (child.signalCode !== null)
      throw new AppError("INVALID_ARGUMENT", "Cannot unpack the archive: it takes too long");
    return readReport(output, complaint);
  } finally {
    closeSync(archiveFd);
  }
}

function readReport(output: string, complaint: string): UnpackedVolume {
  const report = Report.safeParse(parseOrUndefined(output));
  if (!report.success) throw new Error(`Cannot unpack an archive: ${complaint.slice(0, 2000) || "no report"}`);
  if (!("refusal" in report.data)) return report.data;
  throw new AppError("INVALID_ARGUMENT", report.data.refusal);
}

function parseOrUndefined(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
