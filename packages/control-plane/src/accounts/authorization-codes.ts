import { createHash, timingSafeEqual } from "node:crypto";
import { AppError, randomSecret } from "@dormouse/kernel";
import { hashSecret } from "../secrets.ts";
import type { SignedIn } from "./sign-in.ts";

const CODE_LIFETIME_MS = 60_000;
const CODES_MAX_COUNT = 1000;

/** What somebody agreed to in the browser. */
export interface Authorization {
  readonly clientId: string;
  /** As the client wrote it; it must write it so again. */
  readonly redirectUri: string;
  /** SHA-256 of what only the client knows, in base64url (RFC 7636, `S256`). */
  readonly codeChallenge: string;
  readonly signedIn: SignedIn;
}

export interface IssuedCode extends Authorization {
  readonly expiresAtMs: number;
  isUsed: boolean;
  /** The login that was made of it. */
  grantId: string | undefined;
}

/** Codes on their way from the browser to a client. Kept in memory: they live for a minute. */
export class AuthorizationCodes {
  readonly #clock: () => number;
  /** By the hash of the code. */
  readonly #codes = new Map<string, IssuedCode>();

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** @throws {AppError} RATE_LIMITED while too many wait */
  issue(authorization: Authorization): string {
    this.#sweep();
    if (this.#codes.size >= CODES_MAX_COUNT) {
      throw new AppError("RATE_LIMITED", "Cannot log in: too many logins are under way", {
        hint: "Try again in a minute",
      });
    }
    const code = randomSecret();
    const expiresAtMs = this.#clock() + CODE_LIFETIME_MS;
    this.#codes.set(hashSecret(code), { ...authorization, expiresAtMs, isUsed: false, grantId: undefined });
    return code;
  }

  /** Used ones too, while they would still be good: a second use is a theft (RFC 6749 §4.1.2). */
  find(code: string): IssuedCode | undefined {
    const issued = this.#codes.get(hashSecret(code));
    return issued !== undefined && issued.expiresAtMs > this.#clock() ? issued : undefined;
  }

  #sweep(): void {
    const nowMs = this.#clock();
    for (const [hash, { expiresAtMs }] of this.#codes) if (expiresAtMs <= nowMs) this.#codes.delete(hash);
  }
}

const VERIFIER = /^[\w.~-]{43,128}$/;

/** Whether who asks for the tokens is who began the login. */
export function provesChallenge(codeChallenge: string, verifier: string): boolean {
  if (!VERIFIER.test(verifier)) return false;
  const actual = Buffer.from(createHash("sha256").update(verifier).digest("base64url"));
  const expected = Buffer.from(codeChallenge);
  return actual.length === expected.length && timingSafeEqual(actual, expected);
}
