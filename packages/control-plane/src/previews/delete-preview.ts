import type { PreviewRecord } from "@dormouse/store";
import type { ControlPlaneDeps } from "../ports.ts";

/** Its URL and its tokens stop working. Idempotent. */
export async function deletePreview({ store, directory }: ControlPlaneDeps, preview: PreviewRecord): Promise<void> {
  await store.previews.remove(preview.id);
  directory.removePreview(preview.id);
}
