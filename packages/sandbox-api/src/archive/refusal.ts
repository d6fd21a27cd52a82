import { AppError } from "@dormouse/kernel";

/** Why an archive is not unpacked; `name` is the entry's. */
export function refuseArchive(state: string, name?: string): AppError {
  const subject = name === undefined ? "the archive" : `"${name}" of the archive`;
  return new AppError("INVALID_ARGUMENT", `Cannot unpack ${subject}: ${state}`);
}
