import type { AppError } from "@dormouse/kernel";
import { edgeErrorOf, type EdgeError } from "./edge-code.ts";
import type { ErrorPages } from "./error-pages.ts";
import { EDGE_ERROR_HEADER, ERROR_HEADER, SOURCE_HEADER, SOURCE_PLATFORM } from "./headers.ts";

export interface ErrorResponseContext {
  readonly accept: string | null;
  /** Headers of the preview, which errors carry too: a browser must be able to read them across origins. */
  readonly responseHeaders: Readonly<Record<string, string>> | undefined;
  /** Without its query, which may hold a token. */
  readonly requestPath: string;
  readonly pages: ErrorPages;
  /** Where this server's API is described; undefined on hosts it does not know the base of. */
  readonly docsUrl: string | undefined;
}

/** A failure of the platform, as a page for a browser and as JSON for everyone else. */
export function errorResponse(error: AppError, context: ErrorResponseContext): Response {
  const isPage = prefersHtml(context.accept);
  const edge = edgeErrorOf(error);
  const headers = new Headers({
    "content-type": isPage ? "text/html; charset=utf-8" : "application/json",
    "cache-control": "no-store",
    [SOURCE_HEADER]: SOURCE_PLATFORM,
    [EDGE_ERROR_HEADER]: edge.code,
    [ERROR_HEADER]: error.code,
  });
  for (const [name, value] of Object.entries(context.responseHeaders ?? {})) headers.set(name, value);
  if (error.retryAfterS !== undefined) headers.set("retry-after", String(error.retryAfterS));
  // Not where nothing listens: a page that asks again and again would keep the sandbox awake for good.
  if (isPage && error.isRetryable && error.status > 502) headers.set("refresh", "2");
  return new Response(
    isPage ? context.pages.render(error, context.requestPath) : renderJson(error, edge, context.docsUrl),
    {
      status: error.status,
      headers,
    },
  );
}

/** The shape of Blaxel's edge, with our own code as `reason`. */
function renderJson(error: AppError, edge: EdgeError, docsUrl: string | undefined): string {
  const { code: reason, message, status, isRetryable: retryable, hint } = error;
  const { code, action, doNot } = edge;
  const timestamp = new Date().toISOString();
  const answer = {
    code,
    reason,
    message,
    status,
    retryable,
    origin: SOURCE_PLATFORM,
    action,
    do_not: doNot,
    timestamp,
  };
  return JSON.stringify({ error: { ...answer, docs_url: docsUrl, hint } });
}

function prefersHtml(accept: string | null): boolean {
  if (accept === null) return false;
  const html = accept.indexOf("text/html");
  if (html === -1) return false;
  const json = accept.indexOf("application/json");
  return json === -1 || html < json;
}
