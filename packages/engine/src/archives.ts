import { closeSync, createWriteStream, openSync } from "node:fs";
import { Writable } from "node:stream";
import { AppError } from "@dormouse/kernel";
import { UnpackedVolume } from "@dormouse/schema";
import { z } from "zod";
import { MAPPED_ROOT_ID } from "./user-namespace.ts";

/*
 * Archives from the outside. This process never looks into one: the agent does, without any right but that of a sandbox's root, and
 * sees nothing but the folder it fills (decision 0014).
 */

export interface ArchiveUpload {
  readonly archive: ReadableStream<Uint8Array>;
  readonly file: string;
  readonly maxBytes: number;
  /** What a larger one is refused with. */
  readonly tooLarge: AppError;
  readonly signal: AbortSignal;
}

/** @throws `tooLarge`, INVALID_ARGUMENT when the upload is cut off, HOST_FULL */
export async function saveArchive({ archive, file, maxBytes, tooLarge, signal }: ArchiveUpload): Promise<void> {
  const target = Writable.toWeb(createWriteStream(file, { flags: "w", mode: 0o600 }));
  await archive
    .pipeThrough(atMost(maxBytes, tooLarge))
    .pipeTo(target, { signal })
    .catch((cause: unknown) => {
      if (cause instanceof AppError) throw cause;
      const isFull = (cause as { code?: unknown } | undefined)?.code === "ENOSPC";
      if (isFull) throw new AppError("HOST_FULL", "Cannot keep the archive: the disk is full", { cause });
      throw new AppError("INVALID_ARGUMENT", "Cannot unpack the archive: its upload was cut off", { cause });
    });
}

function atMost(maxBytes: number, tooLarge: AppError): TransformStream<Uint8Array, Uint8Array> {
  let bytes = 0;
  return new TransformStream({
    transform(chunk, controller) {
      bytes += chunk.length;
      if (bytes <= maxBytes) return controller.enqueue(chunk);
      throw tooLarge;
    },
  });
}

export interface Unpacking {
  /** The compiled sandbox-api executable. */
  readonly agentFile: string;
  readonly archiveFile: string;
  /** Empty, and a sandbox's root may write to it. */
  readonly folder: string;
  /** How much its content may come to; by default what the folder's file system has room for. */
  readonly roomBytes?: number;
  /** Of entries with one name the last counts; by default such an archive is refused. */
  readonly lastWins?: boolean;
  readonly signal: AbortSignal;
}

const UNPACK_TIMEOUT_MS = 15 * 60_000;
const SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin";

/** No network, no sight of other processes, no new rights, and it ends with the engine. */
const CONFINED = ["setpriv", "--pdeathsig=KILL", "--no-new-privs", "unshare", "--net", "--ipc", "--pid", "--fork"];

const Report = z.union([UnpackedVolume, z.object({ refusal: z.string().max(8192) })]);

/** @throws INVALID_ARGUMENT with what is wrong with the archive, and what `signal` is aborted with */
export async function unpackArchive(unpacking: Unpacking): Promise<UnpackedVolume> {
  const { agentFile, archiveFile, folder, roomBytes, lastWins, signal } = unpacking;
  const archiveFd = openSync(archiveFile, "r");
  const user = `--user=${MAPPED_ROOT_ID}:${MAPPED_ROOT_ID}`;
  const room = roomBytes === undefined ? [] : [`--room-bytes=${roomBytes}`];
  const rule = lastWins === true ? ["--last-wins"] : [];
  try {
    const child = Bun.spawn([...CONFINED, "--kill-child", agentFile, "--unpack-into", folder, user, ...room, ...rule], {
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
