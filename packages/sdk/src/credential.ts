import type { TokenAnswer } from "@dormouse/schema";

/** What proves who asks. API keys and access tokens travel in headers of their own, as in Blaxel's command line. */
export interface Credential {
  readonly header: "Authorization" | "X-Blaxel-Authorization";
  /** What stands behind `Bearer`; fetched or renewed first where needed. */
  bearer(): Promise<string>;
}

export const apiKeyCredential = (apiKey: string): Credential => ({
  header: "Authorization",
  bearer: () => Promise.resolve(apiKey),
});

export interface AccessTokenOptions {
  /** Absent until the first one is fetched. */
  readonly accessToken?: string | undefined;
  renew(): Promise<TokenAnswer>;
}

/** Part of an access token's lifetime that must be left, else a new one is fetched. */
const RENEW_BELOW = 0.2;

/** An access token that is renewed in time; calls that need it meanwhile wait for the same renewal. */
export function accessTokenCredential(options: AccessTokenOptions): Credential {
  let token = options.accessToken;
  let renewal: Promise<string> | undefined;
  const renew = async (): Promise<string> => {
    const answer = await options.renew();
    token = answer.access_token;
    return token;
  };
  return {
    header: "X-Blaxel-Authorization",
    bearer: async () => {
      if (token !== undefined && lifetimeLeft(token, Date.now()) > RENEW_BELOW) return token;
      renewal ??= renew().finally(() => {
        renewal = undefined;
      });
      return await renewal;
    },
  };
}

/** Part of a token's lifetime that is left, 0 to 1; 0 for one that does not say how long it lasts. */
export function lifetimeLeft(token: string, nowMs: number): number {
  const { iat, exp } = claimsOf(token);
  if (iat === undefined || exp === undefined || exp <= iat) return 0;
  return Math.max(0, (exp - nowMs / 1000) / (exp - iat));
}

/** Seconds since 1970. */
function claimsOf(token: string): { readonly iat?: number; readonly exp?: number } {
  try {
    const payload = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
    const { iat, exp } = JSON.parse(atob(payload)) as { iat?: unknown; exp?: unknown };
    return { ...(typeof iat === "number" && { iat }), ...(typeof exp === "number" && { exp }) };
  } catch {
    return {};
  }
}
