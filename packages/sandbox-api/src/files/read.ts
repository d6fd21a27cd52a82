import { AppError } from "@dormouse/kernel";
import type { FileWithContent } from "@dormouse/schema";
import { type BigIntStats, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { hasErrorCode, json, orUnprocessable, systemErrorText } from "../http.ts";
import type { RequestContext } from "../router.ts";
import { isBase64 } from "./encoding.ts";
import { fileEntry } from "./file-info.ts";
import { listDirectory } from "./list.ts";
import { loadOwners } from "./owners.ts";
import type { FilePath } from "./paths.ts";
import { rawFile } from "./raw-file.ts";

/** A JSON answer holds the whole content in memory, twice; more than this has to be read raw. */
const MAX_JSON_CONTENT_BYTES = 256 * 1024 * 1024;

/** `GET /filesystem/{path}`: a directory's listing, a file as JSON, or its bytes where the client asks for them. */
export async function readPath(path: FilePath, context: RequestContext): Promise<Response> {
  const stats = statTarget(path.absolute);
  if (stats.isDirectory()) return json(await orUnprocessable("error listing directory", () => listDirectory(path)));
  return orUnprocessable("error reading file", async () => {
    if (!stats.isFile())
      throw new AppError("UNPROCESSABLE", `error reading file: ${path.absolute} is not a regular file`);
    if (wantsRaw(context)) return rawFile(path.absolute, stats, context.request);
    return json(await readWithContent(path, stats, isBase64(context.query.get("encoding")) ? "base64" : "utf8"));
  });
}

/** Follows links. @throws {AppError} FILE_NOT_FOUND, INTERNAL */
function statTarget(path: string): BigIntStats {
  try {
    return statSync(path, { bigint: true });
  } catch (cause) {
    const code = hasErrorCode(cause, "ENOENT") ? "FILE_NOT_FOUND" : "INTERNAL";
    throw new AppError(code, systemErrorText(cause), { cause });
  }
}

/** No preference, `*` and JSON mean JSON; bytes are what `download=true`, octet-stream and every other type mean. */
function wantsRaw({ request, query }: RequestContext): boolean {
  if (query.get("download") === "true") return true;
  const accept = request.headers.get("accept") ?? "";
  if (accept.includes("application/octet-stream")) return true;
  return accept !== "" && !accept.includes("application/json") && !accept.includes("*/*");
}

/** Bytes that are no UTF-8 come out as U+FFFD in text; base64 and raw keep them (D-12). */
async function readWithContent(
  path: FilePath,
  stats: BigIntStats,
  encoding: "utf8" | "base64",
): Promise<FileWithContent> {
  if (stats.size > MAX_JSON_CONTENT_BYTES) {
    const limit = `${MAX_JSON_CONTENT_BYTES} bytes fit into a JSON answer`;
    throw new AppError("UNPROCESSABLE", `error reading file: at most ${limit}, use download=true for its bytes`);
  }
  const content = await readFile(path.absolute, encoding);
  const file = { ...fileEntry(path.shown, "", stats, loadOwners()), content };
  return encoding === "base64" ? { ...file, encoding } : file;
}
