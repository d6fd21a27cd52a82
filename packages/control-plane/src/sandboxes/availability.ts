import { AppError } from "@dormouse/kernel";
import type { ControlPlaneSettings } from "../ports.ts";

interface AskedParts {
  readonly network?: Readonly<Record<string, unknown>> | null | undefined;
}

/**
 * Refuses what this server cannot give yet. A network limit that is accepted and not enforced would be worse than none.
 * @throws {AppError} INVALID_ARGUMENT
 */
export function assertAvailable({ network }: AskedParts): void {
  if (Object.values(network ?? {}).some(isSet)) {
    throw new AppError("INVALID_ARGUMENT", "Cannot apply network rules: this server does not enforce them yet", {
      hint: "Leave spec.network out",
    });
  }
}

/** @throws {AppError} INVALID_ARGUMENT for more memory than the machine offers one sandbox. */
export function assertMemory({ memoryMaxMb }: ControlPlaneSettings, memoryMb: number): void {
  if (memoryMb <= memoryMaxMb) return;
  throw new AppError(
    "INVALID_ARGUMENT",
    `Cannot give a sandbox ${memoryMb} MB of memory: this machine offers ${memoryMaxMb} MB`,
    { hint: `Ask for 128 to ${memoryMaxMb} MB` },
  );
}

function isSet(value: unknown): boolean {
  if (value === null || value === undefined || value === "") return false;
  return typeof value !== "object" || Object.values(value).some(isSet);
}
