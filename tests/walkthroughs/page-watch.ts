import type { Page, WebSocket } from "playwright-core";

/** What a browser says about a page while it is used. */
export interface PageWatch {
  /** Console errors and uncaught exceptions of the page and its frames, each with the address it is about. */
  readonly complaints: readonly string[];
  /** Every CORS preflight and how it was answered, such as `204 http://host/path`. */
  readonly preflights: readonly string[];
}

export async function watchPage(page: Page): Promise<PageWatch> {
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(`${message.location().url}: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  return { complaints, preflights: await watchPreflights(page) };
}

/** Playwright's own events leave preflights out; the browser's protocol has them. */
async function watchPreflights(page: Page): Promise<readonly string[]> {
  const answered: string[] = [];
  const pending = new Set<string>();
  const browser = await page.context().newCDPSession(page);
  browser.on("Network.requestWillBeSent", ({ requestId, initiator }) => {
    if (initiator.type === "preflight") pending.add(requestId);
  });
  browser.on("Network.responseReceived", ({ requestId, response }) => {
    if (pending.delete(requestId)) answered.push(`${response.status} ${response.url}`);
  });
  await browser.send("Network.enable");
  return answered;
}

/**
 * Resolves when a Next.js development server has told a page that was opened or reconnected from now on that they are in step.
 * Next.js loses changes to its sources that come before.
 */
export function nextHotReload(page: Page): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const follow = (socket: WebSocket): void => {
    socket.on("framereceived", ({ payload }) => {
      if (String(payload).includes('"type":"sync"')) resolve();
    });
  };
  page.on("websocket", follow);
  return promise.finally(() => page.off("websocket", follow));
}
