import { toAppError } from "@dormouse/kernel";
import type { BuildRecord } from "@dormouse/store";
import type { SandboxContext } from "../sandboxes/context.ts";

export interface BuildLogOptions {
  /** Goes on until the build has ended. */
  readonly follow: boolean;
}

/** Lines of a build, each `<RFC 3339 time> <text>`; of a failed one the last says why. */
export function openBuildLog(
  context: SandboxContext,
  build: BuildRecord,
  { follow }: BuildLogOptions,
): ReadableStream<Uint8Array> {
  const lines = linesOf(context, build, follow);
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await lines.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await lines.return(undefined);
    },
  });
}

async function* linesOf(context: SandboxContext, build: BuildRecord, follow: boolean): AsyncGenerator<Uint8Array> {
  const stream = await openEngineLog(context, build, follow);
  if (stream !== undefined) yield* stream;
  if (follow && build.status !== "WAITING") await context.builds.untilEnded(build);
  const { failure, endedAtMs } = context.builds.find(build) ?? build;
  if (failure === undefined) return;
  yield new TextEncoder().encode(`${new Date(endedAtMs ?? 0).toISOString()} ${failure.message}\n`);
}

/** `undefined` when the engine has not got it yet, or no longer. */
async function openEngineLog(
  { engine }: SandboxContext,
  { id, status }: BuildRecord,
  follow: boolean,
): Promise<ReadableStream<Uint8Array> | undefined> {
  if (status === "WAITING") return undefined;
  try {
    return await engine.imageLog(id, { fromByte: 0, follow });
  } catch (error) {
    if (toAppError(error).code === "IMAGE_NOT_FOUND") return undefined;
    throw error;
  }
}
