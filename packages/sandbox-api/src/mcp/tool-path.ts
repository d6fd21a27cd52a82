import { AppError } from "@dormouse/kernel";
import { resolve } from "node:path";
import type { SandboxApiConfig } from "../config.ts";
import type { FilePath } from "../files/paths.ts";

/** A path as tools take it: relative to the working directory, `~` has no meaning. @throws {AppError} INVALID_ARGUMENT */
export function toolPath(config: SandboxApiConfig, written: string): FilePath {
  if (written.includes("\0")) throw new AppError("INVALID_ARGUMENT", "invalid path: it holds a NUL character");
  const absolute = resolve(config.workingDirectory, written);
  return { absolute, shown: written === "" || written === "." ? config.workingDirectory : written };
}
