import { createHash } from "node:crypto";

/** SHA-256 in hex. Only for secrets of full entropy, which need no slow hash. */
export function hashSecret(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}
