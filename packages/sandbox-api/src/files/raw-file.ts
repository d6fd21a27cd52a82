import { type BigIntStats, readFileSync } from "node:fs";
import { basename, extname } from "node:path";
import { COMMON_HEADERS, empty } from "../http.ts";

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  ".txt": "text/plain",
  ".log": "text/plain",
  ".html": "text/html",
  ".htm": "text/html",
  ".css": "text/css",
  ".js": "application/javascript",
  ".json": "application/json",
  ".xml": "application/xml",
  ".pdf": "application/pdf",
  ".zip": "application/zip",
  ".tar": "application/x-tar",
  ".gz": "application/gzip",
  ".jpg": "image/jpeg",
  ".jpeg": "image/jpeg",
  ".png": "image/png",
  ".gif": "image/gif",
  ".svg": "image/svg+xml",
};

/** The bytes of a regular file, or the one range of them the request asks for. */
export function rawFile(path: string, stats: BigIntStats, request: Request): Response {
  const sizeBytes = Number(stats.size);
  const headers = {
    ...COMMON_HEADERS,
    "Content-Type": CONTENT_TYPES[extname(path).toLowerCase()] ?? "application/octet-stream",
    "Content-Disposition": contentDisposition(basename(path)),
    "Last-Modified": new Date(Number(stats.mtimeMs)).toUTCString(),
    "Accept-Ranges": "bytes",
  };
  if (isUnmodified(request, stats)) return empty(304, headers);
  // Files of /proc have no size and content all the same.
  if (sizeBytes === 0) return new Response(readFileSync(path), { headers });
  const range = parseRange(request.headers.get("range"), sizeBytes);
  if (range === "unsatisfiable") return empty(416, { ...headers, "Content-Range": `bytes */${sizeBytes}` });
  if (range === null) return new Response(Bun.file(path), { headers });
  const contentRange = `bytes ${range.from}-${range.to - 1}/${sizeBytes}`;
  const body = Bun.file(path).slice(range.from, range.to);
  return new Response(body, { status: 206, headers: { ...headers, "Content-Range": contentRange } });
}

/** Bytes `from` up to, not including, `to`. */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

/** Null when the whole file is to be sent: no header, one that is not understood, or several ranges (RFC 9110 §14.2). */
export function parseRange(header: string | null, sizeBytes: number): ByteRange | "unsatisfiable" | null {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? "");
  if (match === null) return null;
  const [, first = "", last = ""] = match;
  if (first === "" && last === "") return null;
  if (first === "") {
    const from = Math.max(0, sizeBytes - Number(last));
    return Number(last) === 0 ? "unsatisfiable" : { from, to: sizeBytes };
  }
  const from = Number(first);
  const to = last === "" ? sizeBytes : Math.min(sizeBytes, Number(last) + 1);
  if (last !== "" && Number(last) < from) return null;
  return from >= sizeBytes ? "unsatisfiable" : { from, to };
}

function isUnmodified(request: Request, stats: BigIntStats): boolean {
  const sinceMs = Date.parse(request.headers.get("if-modified-since") ?? "");
  return !Number.isNaN(sinceMs) && Math.floor(Number(stats.mtimeMs) / 1000) * 1000 <= sinceMs;
}

/** The plain form holds ASCII only; anything else goes into the RFC 5987 form besides. */
function contentDisposition(name: string): string {
  const plain = name.replace(/[^\x20-\x7e]|["\\]/g, "_");
  const encoded = encodeURIComponent(name).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16)}`,
  );
  return `attachment; filename="${plain}"${plain === name ? "" : `; filename*=UTF-8''${encoded}`}`;
}
