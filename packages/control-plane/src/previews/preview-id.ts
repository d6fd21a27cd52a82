import { createHmac } from "node:crypto";
import { AppError } from "@dormouse/kernel";
import type { PreviewName } from "@dormouse/schema";
import type { SandboxRecord } from "@dormouse/store";

const ID_LENGTH = 20;
const DNS_LABEL_MAX_LENGTH = 63;

/**
 * Id of a preview in its URL: the same whenever the same names meet again, and not to be guessed from them without the
 * installation's secret.
 */
export function derivePreviewId(secret: string, sandbox: SandboxRecord, name: PreviewName): string {
  const digest = createHmac("sha256", secret).update([sandbox.workspace, sandbox.name, name].join("\0")).digest("hex");
  return `p${BigInt(`0x${digest}`).toString(36).padStart(ID_LENGTH, "0").slice(-ID_LENGTH)}`;
}

/** Id of a preview whose URL starts with a chosen prefix. @throws {AppError} INVALID_ARGUMENT when it fits no host name. */
export function prefixedPreviewId(prefix: string, workspace: string): string {
  const id = `${prefix}-${workspace}`;
  if (id.length <= DNS_LABEL_MAX_LENGTH) return id;
  throw new AppError(
    "INVALID_ARGUMENT",
    `Cannot use prefixUrl "${prefix}": with the workspace it is ${id.length} characters`,
    {
      hint: `Together they may have ${DNS_LABEL_MAX_LENGTH - 1}`,
    },
  );
}
