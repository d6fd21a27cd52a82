import type { Directory, FileChange, FileWithContent } from "@dormouse/schema";
import type { Client } from "./client.ts";

/* The calls of this file go to a sandbox: their client is one that `openSandbox` gave. */

/** Paths from the root keep their slash; others start at the working directory of the sandbox. */
const filePath = (path: string): string => `/filesystem/${encodeURIComponent(path)}`;

/** A file with its content, or what is in a folder. */
export const getFile = (sandbox: Client, path: string): Promise<FileWithContent | Directory> =>
  sandbox.request("GET", filePath(path));

export const isDirectory = (found: FileWithContent | Directory): found is Directory => "subdirectories" in found;

export const makeDirectory = (sandbox: Client, path: string): Promise<FileChange> =>
  sandbox.request("PUT", filePath(path), { body: { isDirectory: true } });

export const removeFile = (sandbox: Client, path: string, recursive: boolean): Promise<FileChange> =>
  sandbox.request("DELETE", filePath(path), { query: { recursive } });

/** The bytes of a file. */
export const downloadFile = (sandbox: Client, path: string): Promise<Response> =>
  sandbox.send("GET", filePath(path), { headers: { Accept: "application/octet-stream" } });
