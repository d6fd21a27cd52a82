import { createHmac, timingSafeEqual } from "node:crypto";
import { randomId } from "@dormouse/kernel";
import { AccessTokenClaims, AccessTokenHeader } from "@dormouse/schema";
import { sign } from "hono/jwt";

/** What Blaxel's clients expect; they refresh at half of it. */
export const ACCESS_TOKEN_LIFETIME_S = 2 * 60 * 60;

/** Verified tokens that are remembered, so that the busy ones cost no second signature check. */
const CACHE_MAX_COUNT = 10_000;

const TOKEN_MAX_LENGTH = 4096;

/** Issues access tokens and tells its own from all others, in memory and without waiting. */
export class AccessTokens {
  readonly #secret: string;
  readonly #clock: () => number;
  /** Hash of the token → what it says. */
  readonly #verified = new Map<string, AccessTokenClaims>();

  constructor(secret: string, clock: () => number) {
    this.#secret = secret;
    this.#clock = clock;
  }

  async issue(claims: Pick<AccessTokenClaims, "sub" | "sub_type" | "sid" | "workspace">): Promise<string> {
    const iat = Math.floor(this.#clock() / 1000);
    return sign({ ...claims, jti: randomId(20), iat, exp: iat + ACCESS_TOKEN_LIFETIME_S }, this.#secret, "HS256");
  }

  /** `undefined` unless it is one of ours and still good. `hash` names the token in the cache. */
  verify(token: string, hash: string): AccessTokenClaims | undefined {
    const claims = this.#verified.get(hash) ?? this.#check(token);
    if (claims === undefined || claims.exp * 1000 <= this.#clock()) {
      this.#verified.delete(hash);
      return undefined;
    }
    this.#remember(hash, claims);
    return claims;
  }

  #check(token: string): AccessTokenClaims | undefined {
    if (token.length > TOKEN_MAX_LENGTH) return undefined;
    const [header = "", payload = "", signature = "", ...rest] = token.split(".");
    if (signature === "" || rest.length > 0) return undefined;
    // As text: base64url decoders pass over what does not belong there.
    const expected = Buffer.from(createHmac("sha256", this.#secret).update(`${header}.${payload}`).digest("base64url"));
    const actual = Buffer.from(signature);
    if (actual.length !== expected.length || !timingSafeEqual(actual, expected)) return undefined;
    if (!AccessTokenHeader.safeParse(parseSegment(header)).success) return undefined;
    return AccessTokenClaims.safeParse(parseSegment(payload)).data;
  }

  #remember(hash: string, claims: AccessTokenClaims): void {
    if (this.#verified.has(hash)) return;
    const [oldest] = this.#verified.keys();
    if (oldest !== undefined && this.#verified.size >= CACHE_MAX_COUNT) this.#verified.delete(oldest);
    this.#verified.set(hash, claims);
  }
}

function parseSegment(segment: string): unknown {
  try {
    return JSON.parse(Buffer.from(segment, "base64url").toString());
  } catch {
    return undefined;
  }
}
