import { AppError } from "@dormouse/kernel";
import type { Directory, FileChange } from "@dormouse/schema";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { orUnprocessable } from "../http.ts";
import type { JsonFields } from "../json-body.ts";
import { listDirectory } from "./list.ts";
import type { FilePath } from "./paths.ts";
import { WriteTarget } from "./write-target.ts";

const DEFAULT_DIRECTORY_MODE = 0o755;
/** Other requests get their turn after that many files of a tree. */
const TREE_BATCH_SIZE = 64;

/** `PUT /filesystem/{path}` with a JSON body: the whole file, or a directory. */
export async function writeFromJson(path: FilePath, fields: JsonFields): Promise<FileChange> {
  const mode = parsePermissions(fields.string("permissions"));
  if (fields.boolean("isDirectory") === true) {
    await orUnprocessable("error creating directory", () =>
      mkdirSync(path.absolute, { recursive: true, mode: mode ?? DEFAULT_DIRECTORY_MODE }),
    );
    return { path: path.shown, message: "Directory created successfully" };
  }
  const content = fields.string("content") ?? "";
  await orUnprocessable("error writing file", () => writeWhole(path.absolute, content, mode));
  return { path: path.shown, message: "File created/updated successfully" };
}

/** `PUT /filesystem/tree/{path}`: each file below the root, stopping at the first that fails. Answers what the root then holds. */
export async function writeTree(root: FilePath, fields: JsonFields): Promise<Directory> {
  const files = Object.entries(fields.strings("files") ?? {});
  await orUnprocessable("error creating directory", () =>
    mkdirSync(root.absolute, { recursive: true, mode: DEFAULT_DIRECTORY_MODE }),
  );
  for (const [index, [relativePath, content]] of files.entries()) {
    await orUnprocessable("error writing file", () => writeWhole(join(root.absolute, relativePath), content, null));
    if (index % TREE_BATCH_SIZE === TREE_BATCH_SIZE - 1) await Bun.sleep(0);
  }
  return orUnprocessable("error listing directory", () => listDirectory(root));
}

/** An octal mode, null when absent or empty. @throws {AppError} INVALID_ARGUMENT */
export function parsePermissions(permissions: string | undefined): number | null {
  if (permissions === undefined || permissions === "") return null;
  if (/^[0-7]{1,6}$/.test(permissions)) return Number.parseInt(permissions, 8) & 0o7777;
  throw new AppError("INVALID_ARGUMENT", `invalid permissions format '${permissions}'`);
}

function writeWhole(path: string, content: string, mode: number | null): void {
  using target = new WriteTarget(path);
  writeFileSync(target.fd, content);
  target.commit(mode);
}
