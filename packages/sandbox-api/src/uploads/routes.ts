import { AppError } from "@dormouse/kernel";
import type { FileChange, StoredPart, UploadedPart, UploadParts, UploadStarted, UploadSummary } from "@dormouse/schema";
import { join } from "node:path";
import type { SandboxApiConfig } from "../config.ts";
import { multipartBoundary, readParts } from "../files/multipart.ts";
import { requestedPath } from "../files/paths.ts";
import { parsePermissions } from "../files/write.ts";
import { DEFAULT_FILE_MODE } from "../files/write-target.ts";
import { json, orUnprocessable } from "../http.ts";
import { JsonFields } from "../json-body.ts";
import type { RequestContext, Route } from "../router.ts";
import type { PartWriter } from "./part-writer.ts";
import type { PartRecord, Upload } from "./upload.ts";
import { UploadJournals } from "./upload-journals.ts";
import { UploadTable } from "./upload-table.ts";

const MAX_PART_NUMBER = 10_000;
const CLEAN_UP_AFTER_MS = 1000;

/** Everything under `/filesystem-multipart`. `runDirectory` serves where the configured log directory cannot be used. */
export function uploadRoutes(config: SandboxApiConfig, runDirectory: string): Route[] {
  const table = new UploadTable(
    new UploadJournals([config.logDirectory, runDirectory].map((path) => join(path, "uploads"))),
  );
  setTimeout(() => void table.removeAbandoned().catch(() => undefined), CLEAN_UP_AFTER_MS).unref();
  return [
    {
      method: "POST",
      pattern: "/filesystem-multipart/initiate/*",
      handle: async (context) => json(await initiate(table, config, context)),
    },
    {
      method: "PUT",
      pattern: "/filesystem-multipart/:id/part",
      handle: async (context) => json(await putPart(table, context)),
    },
    {
      method: "POST",
      pattern: "/filesystem-multipart/:id/complete",
      handle: async (context) => json(await completeUpload(table, context)),
    },
    {
      method: "DELETE",
      pattern: "/filesystem-multipart/:id/abort",
      handle: async (context) => {
        await table.abort(idOf(context));
        return json({ path: "", message: "Multipart upload aborted successfully" } satisfies FileChange);
      },
    },
    {
      method: "GET",
      pattern: "/filesystem-multipart/:id/parts",
      handle: (context) => json(renderParts(table.get(idOf(context)))),
    },
    {
      method: "GET",
      pattern: "/filesystem-multipart",
      handle: () => json({ uploads: table.list().map(renderUpload) }),
    },
  ];
}

const idOf = ({ params }: RequestContext): string => params["id"] ?? "";

async function initiate(table: UploadTable, config: SandboxApiConfig, context: RequestContext): Promise<UploadStarted> {
  const { absolute } = requestedPath(context, config);
  const mode = parsePermissions(await readPermissions(context.request));
  const { uploadId } = await orUnprocessable("error initiating multipart upload", () => table.initiate(absolute, mode));
  return { uploadId, path: absolute };
}

/** Clients may send no body, or another one. */
async function readPermissions(request: Request): Promise<string | undefined> {
  try {
    return (await JsonFields.of(request)).string("permissions");
  } catch {
    return undefined;
  }
}

async function putPart(table: UploadTable, context: RequestContext): Promise<UploadedPart> {
  const { request, query } = context;
  const partNumber = readPartNumber(query.get("partNumber"));
  const boundary = multipartBoundary(request.headers.get("content-type"));
  if (boundary === null) throw missingFile();
  const upload = find(table, idOf(context));
  return orUnprocessable("error storing part", () =>
    upload.receive(partNumber, (sink) => copyFile(request.body ?? new Blob().stream(), boundary, sink)),
  );
}

/** @throws {AppError} INVALID_ARGUMENT when it is no number, UPLOAD_INVALID when it is out of range. */
function readPartNumber(written: string | null): number {
  if (written === null || !/^[+-]?\d+$/.test(written)) throw new AppError("INVALID_ARGUMENT", "invalid part number");
  const partNumber = Number(written);
  if (partNumber >= 1 && partNumber <= MAX_PART_NUMBER) return partNumber;
  throw new AppError("UPLOAD_INVALID", `part number must be between 1 and ${MAX_PART_NUMBER}`);
}

/** Clients of the reference implementation expect a 500 here, and a 404 everywhere else. */
function find(table: UploadTable, uploadId: string): Upload {
  try {
    return table.get(uploadId);
  } catch (cause) {
    if (!(cause instanceof AppError)) throw cause;
    throw new AppError("UPLOAD_INVALID", cause.message, { cause });
  }
}

/** The form is read to its end: only then it is known to be whole. */
async function copyFile(body: AsyncIterable<Uint8Array>, boundary: string, sink: PartWriter): Promise<void> {
  let hasFile = false;
  for await (const part of readParts(body, boundary)) {
    if (part.name !== "file" || part.fileName === null || hasFile) continue;
    hasFile = true;
    for await (const chunk of part.content) await sink.write(chunk);
  }
  if (!hasFile) throw missingFile();
}

const missingFile = (): AppError => new AppError("INVALID_ARGUMENT", "missing 'file' field in multipart form");

async function completeUpload(table: UploadTable, context: RequestContext): Promise<FileChange> {
  const listed = ((await JsonFields.of(context.request)).objects("parts") ?? []).map((part) => ({
    partNumber: part.integer("partNumber") ?? 0,
    etag: part.requiredString("etag"),
  }));
  if (listed.length === 0) throw new AppError("INVALID_ARGUMENT", "parts list cannot be empty");
  if (new Set(listed.map((part) => part.partNumber)).size < listed.length) {
    throw new AppError("INVALID_ARGUMENT", "a part is listed twice");
  }
  const { path } = await orUnprocessable("error completing multipart upload", () =>
    table.complete(idOf(context), listed),
  );
  return { path, message: "Multipart upload completed successfully" };
}

function renderParts(upload: Upload): UploadParts {
  return { uploadId: upload.info.uploadId, parts: upload.parts.map(renderPart) };
}

function renderUpload({ info, parts }: Upload): UploadSummary {
  return {
    uploadId: info.uploadId,
    path: info.path,
    permissions: info.mode ?? DEFAULT_FILE_MODE,
    initiatedAt: new Date(info.initiatedAtMs).toISOString(),
    parts: Object.fromEntries(parts.map((part) => [part.partNumber, renderPart(part)])),
  };
}

const renderPart = ({ partNumber, etag, sizeBytes, uploadedAtMs }: PartRecord): StoredPart => ({
  partNumber,
  etag,
  size: sizeBytes,
  uploadedAt: new Date(uploadedAtMs).toISOString(),
});
