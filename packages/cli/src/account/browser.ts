import { spawn } from "node:child_process";
import { isInteractive } from "../prompts.ts";
import type { Io } from "../io.ts";

/** Shows an address in the user's browser. False where there is none to be expected. */
export async function openBrowser(io: Io, url: string): Promise<boolean> {
  const hasScreen =
    process.platform === "darwin" || io.env["DISPLAY"] !== undefined || io.env["WAYLAND_DISPLAY"] !== undefined;
  if (!hasScreen || !isInteractive(io)) return false;
  const opener = spawn(process.platform === "darwin" ? "open" : "xdg-open", [url], { stdio: "ignore", detached: true });
  const { promise, resolve } = Promise.withResolvers<boolean>();
  opener.once("error", () => resolve(false));
  opener.once("spawn", () => resolve(true));
  opener.unref();
  return promise;
}
