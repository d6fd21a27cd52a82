import { AppError } from "@dormouse/kernel";
import type { PreviewRecord, SandboxRecord, Store } from "@dormouse/store";

/** @throws {AppError} PREVIEW_NOT_FOUND */
export async function requirePreview(store: Store, sandbox: SandboxRecord, name: string): Promise<PreviewRecord> {
  const preview = await store.previews.find(sandbox.id, name);
  if (preview !== undefined) return preview;
  throw new AppError(
    "PREVIEW_NOT_FOUND",
    `Cannot find preview "${name}": sandbox "${sandbox.name}" has none of that name`,
    {
      hint: "List the previews of the sandbox to see their names",
    },
  );
}
