import { AppError } from "@dormouse/kernel";

interface AskedParts {
  readonly volumes?: readonly unknown[] | null | undefined;
  readonly network?: Readonly<Record<string, unknown>> | null | undefined;
}

/**
 * Refuses what this server cannot give yet. A network limit that is accepted and not enforced would be worse than none.
 * @throws {AppError} INVALID_ARGUMENT
 */
export function assertAvailable({ volumes, network }: AskedParts): void {
  if (volumes !== undefined && volumes !== null && volumes.length > 0) {
    throw new AppError("INVALID_ARGUMENT", "Cannot attach volumes: this server does not offer them yet", {
      hint: "Leave spec.volumes out",
    });
  }
  if (Object.values(network ?? {}).some(isSet)) {
    throw new AppError("INVALID_ARGUMENT", "Cannot apply network rules: this server does not enforce them yet", {
      hint: "Leave spec.network out",
    });
  }
}

function isSet(value: unknown): boolean {
  if (value === null || value === undefined || value === "") return false;
  return typeof value !== "object" || Object.values(value).some(isSet);
}
