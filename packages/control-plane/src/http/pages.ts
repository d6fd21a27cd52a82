import type { ApiContext } from "./caller.ts";

/** Clients of this API version and later read pages; earlier ones read bare arrays. */
const PAGES_SINCE_VERSION = "2026-04-28";

export const DEFAULT_PAGE_LENGTH = 50;

export const wantsPages = (c: ApiContext): boolean => (c.req.header("Blaxel-Version") ?? "") >= PAGES_SINCE_VERSION;
