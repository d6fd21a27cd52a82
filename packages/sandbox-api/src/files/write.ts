import { AppError } from "@dormouse/kernel";
import type { Directory, FileChange } from "@dormouse/schema";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { orUnprocessable } from "../http.ts";
import { invalidBody, type JsonFields } from "../json-body.ts";
import { isBase64 } from "./encoding.ts";
import { FileSink } from "./file-sink.ts";
import { listDirectory } from "./list.ts";
import type { FilePath } from "./paths.ts";
import { Turn } from "./turn.ts";
import { WriteTarget } from "./write-target.ts";

const DEFAULT_DIRECTORY_MODE = 0o755;
/** Less is written faster than another thread is told to. */
const MAX_SYNC_BYTES = 64 * 1024;

/** `PUT /filesystem/{path}` with a JSON body: the whole file, or a directory. */
export async function writeFromJson(path: FilePath, fields: JsonFields): Promise<FileChange> {
  const mode = parsePermissions(fields.string("permissions"));
  if (fields.boolean("isDirectory") === true) {
    await orUnprocessable("error creating directory", () =>
      mkdirSync(path.absolute, { recursive: true, mode: mode ?? DEFAULT_DIRECTORY_MODE }),
    );
    return { path: path.shown, message: "Directory created successfully" };
  }
  const content = readContent(fields);
  await orUnprocessable("error writing file", () => writeWhole(path.absolute, content, mode));
  return { path: path.shown, message: "File created/updated successfully" };
}

/** `PUT /filesystem/tree/{path}`: each file below the root, stopping at the first that fails. Answers what the root then holds. */
export async function writeTree(root: FilePath, fields: JsonFields): Promise<Directory> {
  const files = Object.entries(fields.strings("files") ?? {});
  await orUnprocessable("error creating directory", () =>
    mkdirSync(root.absolute, { recursive: true, mode: DEFAULT_DIRECTORY_MODE }),
  );
  const turn = new Turn();
  for (const [relativePath, content] of files) {
    await orUnprocessable("error writing file", () => writeWhole(join(root.absolute, relativePath), content, null));
    await turn.share();
  }
  return orUnprocessable("error listing directory", () => listDirectory(root));
}

/** An octal mode, null when absent or empty. @throws {AppError} INVALID_ARGUMENT */
export function parsePermissions(permissions: string | undefined): number | null {
  if (permissions === undefined || permissions === "") return null;
  if (/^[0-7]{1,6}$/.test(permissions)) return Number.parseInt(permissions, 8) & 0o7777;
  throw new AppError("INVALID_ARGUMENT", `invalid permissions format '${permissions}'`);
}

/** Text as it is, bytes in base64. @throws {AppError} INVALID_ARGUMENT */
function readContent(fields: JsonFields): string | Buffer {
  const content = fields.string("content") ?? "";
  if (!isBase64(fields.string("encoding"))) return content;
  if (!/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(content)) throw invalidBody('field "content" must be base64');
  return Buffer.from(content, "base64");
}

async function writeWhole(path: string, content: string | Buffer, mode: number | null): Promise<void> {
  using target = new WriteTarget(path);
  if (content.length <= MAX_SYNC_BYTES) writeFileSync(target.fd, content);
  else await writeLater(target.fd, typeof content === "string" ? Buffer.from(content) : content);
  target.commit(mode);
}

async function writeLater(fd: number, content: Buffer): Promise<void> {
  const sink = new FileSink({ fd, offsetBytes: 0 });
  await sink.write(content);
  await sink.flush();
}
