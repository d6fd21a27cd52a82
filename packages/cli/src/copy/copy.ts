import { AppError } from "@dormouse/kernel";
import { openSandbox } from "@dormouse/sdk";
import type { Context } from "../context.ts";
import { download } from "./download.ts";
import { parsePlace } from "./place.ts";
import { upload } from "./upload.ts";

/** `cp SOURCE TARGET`, one of which is `sandbox:path`. */
export async function copy(context: Context, source: string, target: string): Promise<void> {
  const [from, to] = [parsePlace(source), parsePlace(target)];
  if (from.sandbox !== undefined && to.sandbox === undefined) {
    const sandbox = await openSandbox(context.client, from.sandbox);
    return download(context, { sandbox, from: from.path, to: to.path });
  }
  if (from.sandbox === undefined && to.sandbox !== undefined) {
    const sandbox = await openSandbox(context.client, to.sandbox);
    return upload(context, { sandbox, from: from.path, to: to.path });
  }
  throw new AppError("INVALID_ARGUMENT", `Cannot copy "${source}" to "${target}": one of them must be in a sandbox`, {
    hint: "Write it as sandbox:/path; a local name with a colon starts with ./",
  });
}
