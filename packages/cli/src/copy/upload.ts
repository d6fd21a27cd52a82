import { lstatSync, openAsBlob, readdirSync, readlinkSync, statSync, type Stats } from "node:fs";
import { join } from "node:path";
import { AppError, Semaphore } from "@dormouse/kernel";
import { type Client, makeDirectory, uploadFile } from "@dormouse/sdk";
import type { Context } from "../context.ts";
import { startProgress } from "../output/progress.ts";
import { targetPath } from "./place.ts";
import { isRemoteFolder, runInside } from "./remote.ts";

export interface Copy {
  readonly sandbox: Client;
  readonly from: string;
  readonly to: string;
  readonly signal: AbortSignal;
}

interface Entry {
  readonly from: string;
  readonly to: string;
  /** Octal. */
  readonly permissions: string;
}

interface Plan {
  readonly folders: Entry[];
  readonly files: (Entry & { readonly sizeBytes: number })[];
  readonly links: { readonly to: string; readonly target: string }[];
  readonly skipped: string[];
}

const PARALLEL_UPLOADS = 8;
/** So that a command line does not become too long. */
const LINKS_AT_ONCE = 100;

/** Copies a file or folder into a sandbox: with its permissions and links, owned by whoever the sandbox runs as. */
export async function upload({ io, say }: Context, { sandbox, from, to, signal }: Copy): Promise<void> {
  const stats = statSource(from);
  const root = targetPath(from, to, await isRemoteFolder(sandbox, to));
  const plan: Plan = { folders: [], files: [], links: [], skipped: [] };
  addEntry(plan, { from, to: root }, stats);
  for (const path of plan.skipped) say.warn(`Skipped ${path}: it is no file, folder or link`);
  const totalBytes = plan.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  using progress = startProgress(io, "Uploading", totalBytes);
  for (const folder of plan.folders) await makeDirectory(sandbox, folder.to, folder.permissions);
  const uploads = new Semaphore(PARALLEL_UPLOADS);
  const uploadOne = async (file: Entry): Promise<void> => {
    signal.throwIfAborted();
    const options = { permissions: file.permissions, onProgress: progress.advance, signal };
    await uploadFile(sandbox, file.to, await openAsBlob(file.from), options);
  };
  await Promise.all(plan.files.map((file) => uploads.run(() => uploadOne(file))));
  await makeLinks(sandbox, plan);
}

/** Follows a link that is named itself. @throws {AppError} */
function statSource(path: string): Stats {
  try {
    return statSync(path);
  } catch (cause) {
    throw new AppError("FILE_NOT_FOUND", `Cannot copy "${path}": there is no such file or folder here`, { cause });
  }
}

function addEntry(plan: Plan, place: { readonly from: string; readonly to: string }, stats: Stats): void {
  const permissions = (stats.mode & 0o777).toString(8);
  if (stats.isSymbolicLink()) plan.links.push({ to: place.to, target: readlinkSync(place.from) });
  else if (stats.isFile()) plan.files.push({ ...place, permissions, sizeBytes: stats.size });
  else if (stats.isDirectory()) addFolder(plan, { ...place, permissions });
  else plan.skipped.push(place.from);
}

function addFolder(plan: Plan, folder: Entry): void {
  plan.folders.push(folder);
  for (const name of readdirSync(folder.from)) {
    const from = join(folder.from, name);
    addEntry(plan, { from, to: `${folder.to.replace(/\/+$/, "")}/${name}` }, lstatSync(from));
  }
}

async function makeLinks(sandbox: Client, { links }: Plan): Promise<void> {
  for (let index = 0; index < links.length; index += LINKS_AT_ONCE) {
    const commands = links
      .slice(index, index + LINKS_AT_ONCE)
      .map(({ to, target }) => ["ln", "-sfn", "--", target, to]);
    await runInside(sandbox, commands);
  }
}
