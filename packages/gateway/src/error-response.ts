import type { AppError } from "@dormouse/kernel";
import { SOURCE_HEADER } from "./headers.ts";

export interface ErrorResponseContext {
  readonly accept: string | null;
  /** Headers of the preview, which errors carry too: a browser must be able to read them across origins. */
  readonly responseHeaders: Readonly<Record<string, string>> | undefined;
}

/** A failure of the platform, as a page for a browser and as JSON for everyone else. */
export function errorResponse(error: AppError, context: ErrorResponseContext): Response {
  const isPage = prefersHtml(context.accept);
  const headers = new Headers({
    "content-type": isPage ? "text/html; charset=utf-8" : "application/json",
    "cache-control": "no-store",
    [SOURCE_HEADER]: "platform",
  });
  for (const [name, value] of Object.entries(context.responseHeaders ?? {})) headers.set(name, value);
  if (error.isRetryable) headers.set("retry-after", "1");
  return new Response(isPage ? renderPage(error) : renderJson(error), { status: error.status, headers });
}

function renderJson(error: AppError): string {
  const { code, message, status, isRetryable: retryable, hint } = error;
  return JSON.stringify({ error: { code, message, status, retryable, ...(hint === undefined ? {} : { hint }) } });
}

function renderPage(error: AppError): string {
  const hint = error.hint === undefined ? "" : `<p>${escapeHtml(error.hint)}</p>`;
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${error.status} ${error.code}</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto;padding:0 1rem}html{background:Canvas;color:CanvasText;color-scheme:light dark}</style>
<h1>${escapeHtml(error.message)}</h1>${hint}<p><small>${error.status} ${error.code}</small></p></html>
`;
}

function prefersHtml(accept: string | null): boolean {
  if (accept === null) return false;
  const html = accept.indexOf("text/html");
  if (html === -1) return false;
  const json = accept.indexOf("application/json");
  return json === -1 || html < json;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
