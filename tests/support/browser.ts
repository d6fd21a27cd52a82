import { type Browser, chromium } from "playwright-core";

/** Debian's Chromium, headless. It resolves `*.localhost` by itself. Closing it, also by `await using`, ends its processes. */
export function openBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: "/usr/bin/chromium",
    // Chromium refuses its own sandbox to root; a container has no large /dev/shm.
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
}
