import { AppError } from "@dormouse/kernel";

/** True when a file's content goes as base64, which JSON needs for bytes; text is the default. @throws {AppError} INVALID_ARGUMENT */
export function isBase64(encoding: string | null | undefined): boolean {
  const written = (encoding ?? "").toLowerCase();
  if (written === "base64") return true;
  if (["", "utf8", "utf-8"].includes(written)) return false;
  throw new AppError("INVALID_ARGUMENT", `invalid encoding '${encoding}': use utf-8 or base64`);
}
