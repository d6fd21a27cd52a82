import { AppError } from "@dormouse/kernel";
import { resolve } from "node:path";
import type { SandboxApiConfig } from "../config.ts";
import type { RequestContext } from "../router.ts";

/** A path as a client means it. */
export interface FilePath {
  readonly absolute: string;
  /** As answers show it. */
  readonly shown: string;
}

/**
 * The path of a `/filesystem/*` request: absolute when the client wrote `%2F` anywhere or a second slash, else relative to the
 * working directory. @throws {AppError} INVALID_ARGUMENT
 */
export function requestedPath(context: RequestContext, config: SandboxApiConfig): FilePath {
  const { wildcard, hasEncodedSlash } = context;
  const written = expandPath(hasEncodedSlash ? wildcard : wildcard.slice(1), config.homeDirectory);
  const absolute = resolve(config.workingDirectory, written);
  return checked({ absolute, shown: written === "." ? config.workingDirectory : written });
}

/** The path of a `/filesystem/tree/*` request, which is always absolute. @throws {AppError} INVALID_ARGUMENT */
export function requestedTreePath(context: RequestContext): FilePath {
  const shown = `/${context.wildcard}`.replace(/\/+/g, "/");
  return checked({ absolute: resolve(shown), shown });
}

/** `.` for nothing, `~` as the home directory, one slash for a run of them. @throws {AppError} INVALID_ARGUMENT */
export function expandPath(written: string, homeDirectory: string | null): string {
  if (written === "") return ".";
  if (!written.startsWith("~")) return written.replace(/\/+/g, "/");
  if (homeDirectory === null) throw new AppError("INVALID_ARGUMENT", `cannot expand '${written}': HOME is not set`);
  return (homeDirectory + written.slice(1)).replace(/\/+/g, "/");
}

function checked(path: FilePath): FilePath {
  if (!path.absolute.includes("\0")) return path;
  throw new AppError("INVALID_ARGUMENT", "invalid path: it holds a NUL character");
}
