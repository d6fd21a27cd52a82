import { AppError } from "@dormouse/kernel";
import type { Directory } from "@dormouse/schema";
import { ApiError, type Client, downloadFile, execProcess } from "@dormouse/sdk";
import { quoteCommand } from "../shell-quote.ts";

/** What is at a path in a sandbox. */
export type Remote =
  | { readonly kind: "folder"; readonly listing: Directory }
  | { readonly kind: "file"; readonly response: Response };

/** Opens it. @throws {ApiError} 404 when there is nothing. */
export async function openRemote(sandbox: Client, path: string, signal?: AbortSignal): Promise<Remote> {
  const response = await downloadFile(sandbox, path, signal);
  // Folders are always answered with their listing; only files are attachments.
  if (response.headers.has("content-disposition")) return { kind: "file", response };
  return { kind: "folder", listing: (await response.json()) as Directory };
}

export async function isRemoteFolder(sandbox: Client, path: string): Promise<boolean> {
  try {
    const remote = await openRemote(sandbox, path);
    if (remote.kind === "file") await remote.response.body?.cancel();
    return remote.kind === "folder";
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return false;
    throw error;
  }
}

/** Runs commands one after the other, until one fails; gives what they print. @throws {AppError} UNPROCESSABLE */
export async function runInside(sandbox: Client, commands: readonly (readonly string[])[]): Promise<string> {
  const run = await execProcess(sandbox, { command: commands.map(quoteCommand).join(" && ") });
  const printed = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] };
  for (;;) {
    const next = await run.next();
    if (next.done !== true) printed[next.value.stream].push(next.value.bytes);
    else if (next.value.exitCode === 0) return Buffer.concat(printed.stdout).toString();
    else
      throw new AppError(
        "UNPROCESSABLE",
        `Cannot handle the links: ${Buffer.concat(printed.stderr).toString().trim()}`,
      );
  }
}
