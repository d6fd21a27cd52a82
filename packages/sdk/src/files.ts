import type { Directory, FileChange, FileWithContent, UploadedPart, UploadStarted } from "@dormouse/schema";
import type { Client } from "./client.ts";
import { path as escaped } from "./paths.ts";

/* The calls of this file go to a sandbox: their client is one that `openSandbox` gave. */

/** Paths from the root keep their slash; others start at the working directory of the sandbox. */
const filePath = (path: string): string => `/filesystem/${encodeURIComponent(path)}`;

/** A file with its content, or what is in a folder. */
export const getFile = (sandbox: Client, path: string): Promise<FileWithContent | Directory> =>
  sandbox.request("GET", filePath(path));

export const isDirectory = (found: FileWithContent | Directory): found is Directory => "subdirectories" in found;

/** With those above it; `permissions` are octal, as in `755`. */
export const makeDirectory = (sandbox: Client, path: string, permissions?: string): Promise<FileChange> =>
  sandbox.request("PUT", filePath(path), { body: { isDirectory: true, permissions } });

export const removeFile = (sandbox: Client, path: string, recursive: boolean): Promise<FileChange> =>
  sandbox.request("DELETE", filePath(path), { query: { recursive } });

/** The bytes of a file. */
export const downloadFile = (sandbox: Client, path: string, signal?: AbortSignal): Promise<Response> =>
  sandbox.send("GET", filePath(path), { headers: { Accept: "application/octet-stream" }, signal });

/** Larger files go in parts, so that neither side holds one in memory. */
const PART_BYTES = 8 * 1024 * 1024;

export interface UploadOptions {
  /** Octal, as in `644`. */
  readonly permissions: string;
  readonly signal?: AbortSignal | undefined;
  /** Called with how many bytes more are there. */
  readonly onProgress?: (bytes: number) => void;
}

/** Writes a file; folders above it are made. */
export async function uploadFile(sandbox: Client, path: string, content: Blob, options: UploadOptions): Promise<void> {
  if (content.size > PART_BYTES) return uploadInParts(sandbox, path, content, options);
  const form = new FormData();
  form.append("permissions", options.permissions);
  form.append("file", content, "file");
  await sandbox.send("PUT", filePath(path), { rawBody: form, signal: options.signal });
  options.onProgress?.(content.size);
}

async function uploadInParts(sandbox: Client, path: string, content: Blob, options: UploadOptions): Promise<void> {
  const { permissions, signal, onProgress } = options;
  const start = `/filesystem-multipart/initiate/${encodeURIComponent(path)}`;
  const { uploadId } = await sandbox.request<UploadStarted>("POST", start, { body: { permissions }, signal });
  try {
    const parts: UploadedPart[] = [];
    for (let offset = 0; offset < content.size; offset += PART_BYTES) {
      const form = new FormData();
      const part = content.slice(offset, offset + PART_BYTES);
      form.append("file", part, "blob");
      const query = { partNumber: parts.length + 1 };
      const place = escaped`/filesystem-multipart/${uploadId}/part`;
      parts.push(await sandbox.request<UploadedPart>("PUT", place, { query, rawBody: form, signal }));
      onProgress?.(part.size);
    }
    await sandbox.request("POST", escaped`/filesystem-multipart/${uploadId}/complete`, { body: { parts }, signal });
  } catch (error) {
    await sandbox.request("DELETE", escaped`/filesystem-multipart/${uploadId}/abort`).catch(() => undefined);
    throw error;
  }
}
