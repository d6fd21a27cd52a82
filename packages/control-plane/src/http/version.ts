import type { MiddlewareHandler } from "hono";
import type { ApiEnv } from "./caller.ts";

/** The version of Blaxel's API that this server speaks. */
export const LATEST_VERSION = "2026-04-28";

/** Versions are dates. Earlier ones differ for us in that their lists are bare arrays; a later one may mean anything. */
export const refuseUnknownVersion: MiddlewareHandler<ApiEnv> = async (c, next) => {
  const version = c.req.header("Blaxel-Version") ?? "";
  if (version === "" || (isDate(version) && version <= LATEST_VERSION)) return next();
  const message = `Cannot speak version ${JSON.stringify(version.slice(0, 40))} of the API: the latest is "${LATEST_VERSION}"`;
  return c.json({ code: 400, error: "invalid_api_version", message }, 400);
};

function isDate(version: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(version) && !Number.isNaN(Date.parse(version));
}
