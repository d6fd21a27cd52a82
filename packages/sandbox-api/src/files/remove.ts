import { AppError } from "@dormouse/kernel";
import type { FileChange } from "@dormouse/schema";
import { lstatSync } from "node:fs";
import { rm, rmdir, unlink } from "node:fs/promises";
import { orUnprocessable } from "../http.ts";
import type { FilePath } from "./paths.ts";

/** Deletes a file, a link itself, or a directory. @throws {AppError} FILE_NOT_FOUND, UNPROCESSABLE when it is not empty. */
export async function removePath(path: FilePath, isRecursive: boolean): Promise<FileChange> {
  const stats = await orUnprocessable("error deleting file", () => lookUp(path.absolute));
  if (stats === undefined) throw new AppError("FILE_NOT_FOUND", "file or directory not found");
  if (!stats.isDirectory()) {
    await orUnprocessable("error deleting file", () => unlink(path.absolute));
    return { path: path.shown, message: "File deleted successfully" };
  }
  const remove = () => (isRecursive ? rm(path.absolute, { recursive: true }) : rmdir(path.absolute));
  await orUnprocessable("error deleting directory", remove);
  return { path: path.shown, message: "Directory deleted successfully" };
}

const lookUp = (path: string) => lstatSync(path, { throwIfNoEntry: false });
