import type { Context } from "../context.ts";
import { describeProgress } from "../output/progress.ts";
import { formatBytes } from "../resources/sizes.ts";
import { planArchive } from "./archive-entries.ts";
import type { LiveLine } from "./live-line.ts";
import type { Project } from "./load-project.ts";
import { uploadArchive } from "./upload.ts";
import { packZip } from "./zip.ts";

export interface Sending {
  readonly project: Project;
  readonly live: LiveLine;
  readonly signal: AbortSignal;
  /** Asks for an upload address; the request that makes or changes the resource. */
  readonly requestUrl: () => Promise<string>;
  /** Called with what happens next. */
  readonly onPhase: (phase: "Compressing" | "Requesting" | "Uploading") => void;
}

/** Packs a project and uploads it, with a progress bar on a terminal. */
export async function sendArchive({ io, say }: Context, sending: Sending): Promise<void> {
  const { project, live, signal, requestUrl, onPhase } = sending;
  const plan = planArchive(project);
  for (const warning of plan.warnings) say.warn(warning);
  onPhase("Compressing");
  await using archive = await packZip(plan.entries, signal);
  onPhase("Requesting");
  const urls = [await requestUrl()];
  onPhase("Uploading");
  const totalBytes = archive.sizeBytes;
  let startedAtMs = performance.now();
  await uploadArchive({
    fetch: io.fetch,
    archive,
    signal,
    requestUrl: async () => urls.pop() ?? (await requestUrl()),
    onProgress: (doneBytes) => {
      const elapsedMs = performance.now() - startedAtMs;
      live.show(`Uploading ${describeProgress({ doneBytes, totalBytes, elapsedMs })}`);
    },
    onRetry: (error, attempt) => {
      startedAtMs = performance.now();
      live.clear();
      say.warn(`Upload attempt ${attempt} failed: ${error.message}; trying again`);
    },
  });
  live.clear();
  say.success(`Upload completed (${formatBytes(totalBytes)})`);
}
