import { armFaultPoint } from "@dormouse/kernel";
import type { Config } from "./config.ts";

/** Has this process end at the configured point with nothing tidied up. */
export function armFault({ faultPoint }: Config): void {
  if (faultPoint !== undefined) armFaultPoint(faultPoint, () => process.kill(process.pid, "SIGKILL"));
}
