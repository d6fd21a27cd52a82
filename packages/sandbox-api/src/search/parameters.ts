import { AppError } from "@dormouse/kernel";
import { DEFAULT_EXCLUDED_DIRECTORIES } from "./walk.ts";

/** Most one may ask for, and the most there is when all are asked for. */
const MAX_RESULTS = 1000;
const ALL_RESULTS = 100_000;
const MAX_CONTEXT_LINES = 50;

/** `maxResults`, where 0 stands for all: up to 100,000. @throws {AppError} INVALID_ARGUMENT */
export function readMaxResults(query: URLSearchParams, defaultCount: number): number {
  const count = readCount(query, "maxResults", defaultCount);
  return count === 0 ? ALL_RESULTS : Math.min(count, MAX_RESULTS);
}

/** `contextLines`, up to 50. @throws {AppError} INVALID_ARGUMENT */
export function readContextLines(query: URLSearchParams): number {
  return Math.min(readCount(query, "contextLines", 0), MAX_CONTEXT_LINES);
}

/** Absent or anything but a claim leaves the default. */
export function readBoolean(query: URLSearchParams, name: string, defaultValue: boolean): boolean {
  const value = query.get(name)?.toLowerCase();
  if (value === "true" || value === "1") return true;
  return value === "false" || value === "0" ? false : defaultValue;
}

/** `excludeDirs`: base names of directories; the usual folders of dependencies and builds when there are none. */
export function readExcludedDirectories(query: URLSearchParams): ReadonlySet<string> {
  const names = (query.get("excludeDirs") ?? "").split(",").map((name) => name.trim());
  const given = new Set(names.filter((name) => name !== ""));
  return given.size === 0 ? DEFAULT_EXCLUDED_DIRECTORIES : given;
}

function readCount(query: URLSearchParams, name: string, defaultCount: number): number {
  const value = query.get(name);
  if (value === null || value === "") return defaultCount;
  if (/^\d{1,15}$/.test(value)) return Number(value);
  throw new AppError("INVALID_ARGUMENT", `invalid ${name}: ${value}`);
}
