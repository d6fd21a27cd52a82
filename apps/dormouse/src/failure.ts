import { AppError } from "@dormouse/kernel";

/** Says what failed and ends the process: what had begun, such as reading what `up` hands over, must not keep it. */
export function endWithFailure(error: unknown): void {
  const text = error instanceof Error ? error.message : String(error);
  const hint = error instanceof AppError && error.hint !== undefined ? `\n  ${error.hint}` : "";
  process.stderr.write(`dormouse: ${text}${causeOf(error)}${hint}\n`, () => process.exit(1));
}

/** What a failure to start goes back to, such as the database's own words. */
function causeOf(error: unknown): string {
  if (!(error instanceof Error) || !(error.cause instanceof Error) || error.cause.message === "") return "";
  return ` (${error.cause.message})`;
}
