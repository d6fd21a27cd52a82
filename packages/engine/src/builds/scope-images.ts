import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { EngineImageId } from "@dormouse/schema";
import { z } from "zod";

/** What buildah calls an image: the digest of its configuration. */
const BuiltId = z.string().regex(/^sha256:[0-9a-f]{64}$/);
export type BuiltId = z.infer<typeof BuiltId>;

const ScopeImages = z.record(BuiltId, EngineImageId);

const MAX_COUNT = 32;

/** Which images of the store the builds of one scope came to: one that comes to the same again is not taken in again. */
export function readScopeImages(file: string): Map<BuiltId, EngineImageId> {
  const parsed = existsSync(file) ? ScopeImages.safeParse(parseOrUndefined(readFileSync(file, "utf8"))) : undefined;
  return new Map(Object.entries(parsed?.data ?? {}));
}

export function rememberScopeImage(file: string, built: BuiltId, id: EngineImageId): void {
  const known = readScopeImages(file);
  known.delete(built);
  known.set(built, id);
  writeFileSync(`${file}.new`, JSON.stringify(Object.fromEntries([...known].slice(-MAX_COUNT))));
  renameSync(`${file}.new`, file);
}

export const parseBuiltId = (text: string): BuiltId | undefined => BuiltId.safeParse(text.trim()).data;

function parseOrUndefined(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
