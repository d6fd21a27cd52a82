import type { Context } from "../context.ts";
import { printOutcome, readDocuments, type ResourceFileOptions, sayLine } from "./apply.ts";
import { placeOf } from "./resource-kinds.ts";

interface Deletion {
  readonly kind: string;
  readonly name: string;
  readonly error?: string;
}

/** Deletes what the documents of files name, the last one first: what comes later may need what comes before. */
export async function deleteFiles(context: Context, options: ResourceFileOptions): Promise<number> {
  const documents = await readDocuments(context, options);
  const results: Deletion[] = [];
  for (const document of documents.toReversed()) {
    const { kind, metadata } = document;
    const name = metadata.name ?? "";
    try {
      await context.client.request("DELETE", placeOf(document).item);
      results.push({ kind, name });
      sayLine(context, `Resource ${kind}:${name} deleted`);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      results.push({ kind, name, error: reason });
      context.io.stderr.write(`Resource ${kind}:${name} error: ${reason}\n`);
    }
  }
  const failed = results.filter(({ error }) => error !== undefined);
  const deleted = results.filter(({ error }) => error === undefined);
  await printOutcome(context, { deleted, failed, success: failed.length === 0 });
  return failed.length === 0 ? 0 : 1;
}
