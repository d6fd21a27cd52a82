import { AppError } from "@dormouse/kernel";
import { openSandbox } from "@dormouse/sdk";
import type { Context } from "../context.ts";
import { download } from "./download.ts";
import { parsePlace, type Place } from "./place.ts";
import { upload } from "./upload.ts";

/** What shells answer for a program that Ctrl-C ended. */
const INTERRUPTED = 130;

/** `cp SOURCE TARGET`, one of which is `sandbox:path`. */
export async function copy(context: Context, source: string, target: string): Promise<number> {
  const stop = new AbortController();
  using interrupts = new DisposableStack();
  interrupts.use(context.io.onSignal("SIGINT", () => stop.abort()));
  try {
    await copyUntil(context, [parsePlace(source), parsePlace(target)], stop.signal);
    return 0;
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    context.say.warn("Cancelled; what was whole is there");
    return INTERRUPTED;
  }
}

async function copyUntil(context: Context, [from, to]: readonly [Place, Place], signal: AbortSignal): Promise<void> {
  if (from.sandbox !== undefined && to.sandbox === undefined) {
    const sandbox = await openSandbox(context.client, from.sandbox);
    return download(context, { sandbox, from: from.path, to: to.path, signal });
  }
  if (from.sandbox === undefined && to.sandbox !== undefined) {
    const sandbox = await openSandbox(context.client, to.sandbox);
    return upload(context, { sandbox, from: from.path, to: to.path, signal });
  }
  throw new AppError("INVALID_ARGUMENT", "Cannot copy: one of the two places, and only one, must be in a sandbox", {
    hint: "Write it as sandbox:/path; a local name with a colon starts with ./",
  });
}
