import { type Browser, chromium, type Page } from "playwright-core";

/** Debian's Chromium, headless. It resolves `*.localhost` by itself. Closing it, also by `await using`, ends its processes. */
export function openBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: "/usr/bin/chromium",
    // Chromium refuses its own sandbox to root; a container has no large /dev/shm.
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
}

/** Opens an address. Chromium breaks a load off when an address of the machine changes, as a new sandbox makes it: begun again then. */
export async function goTo(page: Page, url: string): Promise<void> {
  for (;;) {
    try {
      await page.goto(url);
      return;
    } catch (error) {
      // The page that tells of it, or Chromium's own next attempt, may still be on its way when ours begins.
      if (!/ERR_NETWORK_CHANGED|chrome-error:|interrupted by another navigation/.test(String(error))) throw error;
    }
  }
}
