import { lstatSync, mkdirSync, renameSync, rmSync, statSync, symlinkSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname, join, posix } from "node:path";
import { AppError, randomId, Semaphore } from "@dormouse/kernel";
import type { Directory, FileEntry } from "@dormouse/schema";
import { ApiError, type Client } from "@dormouse/sdk";
import type { Context } from "../context.ts";
import { type Progress, startProgress } from "../output/progress.ts";
import { targetPath } from "./place.ts";
import { openRemote, type Remote, runInside } from "./remote.ts";
import type { Copy } from "./upload.ts";

const PARALLEL_DOWNLOADS = 8;
const LINKS_AT_ONCE = 100;

/** Bits of `permissions` in a listing, beside those of the file system: what else than a file it is. */
const LINK_BIT = 2 ** 27;
const OTHER_BITS = 2 ** 24 + 2 ** 25 + 2 ** 26;
const LOWEST_TYPE_BIT = 2 ** 24;

interface Plan {
  readonly files: { readonly from: string; readonly to: string; readonly entry: FileEntry }[];
  readonly links: { readonly from: string; readonly to: string }[];
}

/** Copies a file or folder out of a sandbox. What is inside may be hostile: nothing is written beside the target. */
export async function download({ io, say }: Context, { sandbox, from, to, signal }: Copy): Promise<void> {
  const remote = await found(sandbox, from, signal);
  const target = targetPath(from, to, isLocalFolder(to));
  if (remote.kind === "file") {
    using progress = startProgress(
      io,
      "Downloading",
      Number(remote.response.headers.get("content-length")) || undefined,
    );
    return await save(remote.response, target, { progress, signal, mode: await modeOf(sandbox, from) });
  }
  const plan: Plan = { files: [], links: [] };
  const skip = (path: string): void => say.warn(`Skipped ${path}: it is no file, folder or link`);
  await makeFolders({ sandbox, plan, skip }, remote.listing, target);
  const totalBytes = plan.files.reduce((sum, { entry }) => sum + entry.size, 0);
  using progress = startProgress(io, "Downloading", totalBytes);
  const downloads = new Semaphore(PARALLEL_DOWNLOADS);
  await Promise.all(plan.files.map((file) => downloads.run(() => downloadOne(sandbox, file, { progress, signal }))));
  await makeLinks(sandbox, plan);
}

/** What its folder says of a file; undefined where a link hides it. */
async function modeOf(sandbox: Client, path: string): Promise<number | undefined> {
  const remote = await openRemote(sandbox, posix.dirname(path));
  if (remote.kind === "file") return undefined;
  const entry = remote.listing.files.find(({ name }) => name === posix.basename(path));
  const bits = Number.parseInt(entry?.permissions ?? "", 8);
  return bits < LOWEST_TYPE_BIT ? bits & 0o777 : undefined;
}

async function found(sandbox: Client, path: string, signal: AbortSignal): Promise<Remote> {
  return openRemote(sandbox, path, signal).catch((error: unknown) => {
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
    throw new AppError("FILE_NOT_FOUND", `Cannot copy "${path}": there is no such file or folder in the sandbox`);
  });
}

const isLocalFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

interface Walk {
  readonly sandbox: Client;
  readonly plan: Plan;
  readonly skip: (path: string) => void;
}

async function makeFolders(walk: Walk, listing: Directory, target: string): Promise<void> {
  mkdirSync(target, { recursive: true });
  for (const entry of listing.files) addFile(walk, entry, join(target, safeName(entry.name)));
  for (const folder of listing.subdirectories) {
    const place = join(target, safeName(folder.name));
    // A link there, which an earlier copy may have made, would lead elsewhere.
    if (lstatSync(place, { throwIfNoEntry: false })?.isSymbolicLink() === true) rmSync(place);
    const remote = await openRemote(walk.sandbox, folder.path);
    if (remote.kind === "folder") await makeFolders(walk, remote.listing, place);
  }
}

function addFile({ plan, skip }: Walk, entry: FileEntry, to: string): void {
  const bits = Number.parseInt(entry.permissions, 8);
  if ((bits & LINK_BIT) !== 0) plan.links.push({ from: entry.path, to });
  else if ((bits & OTHER_BITS) === 0) plan.files.push({ from: entry.path, to, entry });
  else skip(entry.path);
}

/** @throws {AppError} for a name that would lead out of its folder. */
function safeName(name: string): string {
  if (name !== "" && name !== "." && name !== ".." && !/[/\0]/.test(name)) return name;
  throw new AppError("UNPROCESSABLE", `Cannot copy ${JSON.stringify(name)}: this is no name of a file`);
}

async function downloadOne(sandbox: Client, file: Plan["files"][number], options: SaveOptions): Promise<void> {
  options.signal.throwIfAborted();
  const remote = await openRemote(sandbox, file.from, options.signal);
  if (remote.kind === "folder") return;
  await save(remote.response, file.to, { ...options, mode: Number.parseInt(file.entry.permissions, 8) & 0o777 });
}

interface SaveOptions {
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** What new files get by default, if absent. */
  readonly mode?: number | undefined;
}

/** Under its name only when it is whole; a link of that name is replaced, not followed. */
async function save(response: Response, path: string, { progress, signal, mode }: SaveOptions): Promise<void> {
  const draft = `${path}.${randomId(8)}.part`;
  const file = await openNew(draft);
  try {
    for await (const chunk of response.body ?? []) {
      signal.throwIfAborted();
      await writeWhole(file, chunk);
      progress.advance(chunk.length);
    }
    if (mode !== undefined) await file.chmod(mode);
    await file.close();
    renameSync(draft, path);
  } catch (error) {
    await file.close().catch(() => undefined);
    rmSync(draft, { force: true });
    throw error;
  }
}

async function writeWhole(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let offset = 0; offset < bytes.length;) offset += (await file.write(bytes, offset)).bytesWritten;
}

/** @throws {AppError} FILE_NOT_FOUND */
async function openNew(path: string): Promise<FileHandle> {
  try {
    return await open(path, "wx");
  } catch (cause) {
    throw new AppError(
      "FILE_NOT_FOUND",
      `Cannot write to "${dirname(path)}": the folder is not there, or not writable`,
      {
        cause,
      },
    );
  }
}

async function makeLinks(sandbox: Client, { links }: Plan): Promise<void> {
  for (let index = 0; index < links.length; index += LINKS_AT_ONCE) {
    const some = links.slice(index, index + LINKS_AT_ONCE);
    const printed = await runInside(
      sandbox,
      some.map(({ from }) => ["readlink", "--", from]),
    );
    const targets = printed.split("\n");
    for (const [position, { to }] of some.entries()) {
      rmSync(to, { force: true });
      symlinkSync(targets[position] ?? "", to);
    }
  }
}
