import { AppError } from "@dormouse/kernel";
import type { Context } from "../context.ts";
import { readDocuments, type ResourceFileOptions } from "../project/apply.ts";
import { placeOf } from "../project/resource-kinds.ts";
import { type Deletion, runDeletions } from "./run-deletions.ts";

/** What the documents of files name, the last one first: what comes later may need what comes before. */
export async function deleteFiles(context: Context, options: Partial<ResourceFileOptions>): Promise<number> {
  const { filename } = options;
  if (filename === undefined) {
    throw new AppError("INVALID_ARGUMENT", "Cannot delete: nothing is named", {
      hint: `Name it, or a file with -f; see '${context.io.program} delete --help'`,
    });
  }
  const documents = await readDocuments(context, { ...options, filename });
  const deletions = documents.map((document): Deletion => {
    const { kind, metadata } = document;
    return { kind, name: metadata.name ?? "", run: () => context.client.request("DELETE", placeOf(document).item) };
  });
  return await runDeletions(context, deletions.toReversed());
}
