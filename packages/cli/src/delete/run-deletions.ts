import type { Context } from "../context.ts";
import { isForPeople } from "../get/list.ts";
import { explainRefusal } from "../refusal.ts";

export interface Deletion {
  readonly kind: string;
  readonly name: string;
  /** What is said then, if it is not `Resource Kind:name deleted`. */
  readonly done?: string;
  readonly run: () => Promise<unknown>;
}

interface Failed {
  readonly kind: string;
  readonly name: string;
  readonly error: string;
}

/** Deletes one after the other, also after one has failed; 1 if any did. Data formats get one report of all. */
export async function runDeletions(context: Context, deletions: readonly Deletion[]): Promise<number> {
  const { io } = context;
  const deleted: Pick<Deletion, "kind" | "name">[] = [];
  const failed: Failed[] = [];
  for (const { kind, name, done, run } of deletions) {
    try {
      await run();
      deleted.push({ kind, name });
      if (isForPeople(context)) io.stdout.write(`${done ?? `Resource ${kind}:${name} deleted`}\n`);
    } catch (thrown) {
      const error = messageOf(explainRefusal(thrown, context));
      failed.push({ kind, name, error });
      io.stderr.write(`✗ Delete failed\nReason: Resource ${kind}:${name} error: ${error}\n`);
    }
  }
  const report = { deleted, failed, success: failed.length === 0 };
  if (context.options.output === "json") io.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  if (context.options.output === "yaml") io.stdout.write((await import("../output/yaml.ts")).toYaml(report));
  return failed.length === 0 ? 0 : 1;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
