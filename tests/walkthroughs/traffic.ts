import type { BrowserContext, Request } from "playwright-core";

/** What the pages of a browser context asked for, in its order. */
export interface Traffic {
  /** Address and Referer of each request. */
  readonly requests: readonly { readonly url: string; readonly referer: string | undefined }[];
  /** Requests to the sandbox that got no answer, or an error. */
  readonly failures: readonly string[];
  readonly webSockets: readonly { readonly url: string; isOpen: boolean }[];
}

/** Follows a context's traffic from now on. What is meant for the internet, such as a shop of extensions, is not sent. */
export async function watchTraffic(context: BrowserContext): Promise<Traffic> {
  const requests: Traffic["requests"][number][] = [];
  const failures: string[] = [];
  const webSockets: Traffic["webSockets"][number][] = [];
  await context.route(isForeign, (route) => route.abort());
  context.on("request", (request) => requests.push({ url: request.url(), referer: request.headers()["referer"] }));
  context.on("response", (response) => {
    if (response.status() >= 400) failures.push(`${response.status()} ${response.url()}`);
  });
  context.on("requestfailed", (request) => {
    if (!isForeign(new URL(request.url())) && !wasLeftBehind(request)) {
      failures.push(`${request.failure()?.errorText} ${request.url()}`);
    }
  });
  context.on("page", (page) =>
    page.on("websocket", (socket) => {
      const seen = { url: socket.url(), isOpen: false };
      webSockets.push(seen);
      socket.on("framereceived", () => (seen.isOpen = true));
    }),
  );
  return { requests, failures, webSockets };
}

const isForeign = (url: URL): boolean => url.protocol.startsWith("http") && !url.hostname.endsWith(".localhost");

/**
 * The page went elsewhere before the answer came, or had the answer, an error, and did not want it. And Chromium drops what it
 * is loading, to load it again, when an interface comes or goes: other sandboxes of this machine do that.
 */
const wasLeftBehind = (request: Request): boolean =>
  ["net::ERR_ABORTED", "net::ERR_NETWORK_CHANGED"].includes(request.failure()?.errorText ?? "");
