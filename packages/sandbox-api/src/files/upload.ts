import { AppError } from "@dormouse/kernel";
import type { FileChange } from "@dormouse/schema";
import { orUnprocessable } from "../http.ts";
import { FileSink } from "./file-sink.ts";
import { readField, readParts } from "./multipart.ts";
import type { FilePath } from "./paths.ts";
import { parsePermissions } from "./write.ts";
import { WriteTarget } from "./write-target.ts";

const MAX_FIELD_BYTES = 1024;

/**
 * `PUT /filesystem/{path}` with a form: its `file` goes to disk as it arrives, `permissions` counts before and after it. A form
 * that breaks off leaves no new file behind. @throws {AppError} INVALID_ARGUMENT, UNPROCESSABLE
 */
export async function writeFromForm(path: FilePath, request: Request, boundary: string): Promise<FileChange> {
  let mode: number | null = null;
  let target: WriteTarget | null = null;
  try {
    for await (const part of readParts(request.body ?? new Blob().stream(), boundary)) {
      if (part.name === "permissions") mode = parsePermissions(await readField(part.content, MAX_FIELD_BYTES));
      if (part.name !== "file" || part.fileName === null || target !== null) continue;
      const opened = await orUnprocessable("error writing binary file", () => new WriteTarget(path.absolute));
      target = opened;
      await orUnprocessable("error writing binary file", () => copyTo(opened.fd, part.content));
    }
    if (target === null) throw new AppError("INVALID_ARGUMENT", "missing 'file' field in multipart form");
    target.commit(mode);
  } finally {
    target?.[Symbol.dispose]();
  }
  return { path: path.shown, message: "Binary file uploaded successfully" };
}

async function copyTo(fd: number, content: AsyncIterable<Uint8Array>): Promise<void> {
  const sink = new FileSink({ fd, offsetBytes: 0 });
  try {
    for await (const chunk of content) await sink.write(chunk);
  } finally {
    await sink.flush();
  }
}
