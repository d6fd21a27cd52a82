import type { Context } from "../context.ts";
import { planArchive } from "./archive-entries.ts";
import type { Project } from "./load-project.ts";
import type { ArchiveEntry } from "./project-files.ts";

/** Shows what a deployment would send, values of variables included, and sends nothing. */
export async function printDryRun(
  context: Context,
  project: Project,
  resource: unknown,
  isUpload: boolean,
): Promise<void> {
  const { io, say, options } = context;
  const plan = isUpload ? planArchive(project) : { entries: [], warnings: [] };
  for (const warning of plan.warnings) say.warn(warning);
  const files = plan.entries.map((entry) => ({ name: entry.name, size: sizeBytesOf(entry) }));
  const { stringify } = await import("yaml");
  const data = { dryRun: true, resources: [resource], files };
  if (options.output === "json") return void io.stdout.write(`${JSON.stringify(data, undefined, 2)}\n`);
  if (options.output === "yaml") return void io.stdout.write(stringify(data));
  const lines = files.map(({ name, size }) => `File: ${name}, Size: ${size} bytes\n`);
  io.stdout.write(`${stringify(resource, { lineWidth: 0 })}---\n${lines.join("")}`);
}

function sizeBytesOf(entry: ArchiveEntry): number {
  if (entry.kind === "file") return entry.sizeBytes;
  return entry.kind === "content" ? entry.content.byteLength : 0;
}
