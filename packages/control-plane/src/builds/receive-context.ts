import { AppError, faultPoint, toAppError } from "@dormouse/kernel";
import { ImageName, type EngineImageRequest } from "@dormouse/schema";
import type { BuildRecord } from "@dormouse/store";
import { setImageStatus } from "../images/push-progress.ts";
import type { SandboxContext } from "../sandboxes/context.ts";
import { happened, withEvent } from "../sandboxes/events.ts";
import { hashSecret } from "../secrets.ts";
import { withDeadlines } from "../uploads/upload-deadlines.ts";
import type { RegistryImage } from "./begin-build.ts";
import { failBuild } from "./end-build.ts";
import { followBuild } from "./follow-build.ts";

/** The build that the secret of an upload opens, from then on for this call alone. @throws {AppError} FORBIDDEN */
export async function claimUpload({ store, builds, clock }: SandboxContext, secret: string): Promise<BuildRecord> {
  const claimed = await store.builds.claimUpload(hashSecret(secret), clock());
  if (claimed === undefined) {
    throw new AppError("FORBIDDEN", "Cannot take the upload: its address is unknown, has been used, or has expired", {
      hint: "Ask for a new address: repeat the call with upload=true",
    });
  }
  builds.put(claimed);
  return claimed;
}

/**
 * Resolves when the engine has the whole context, and everybody is told that it builds; a failure is the build's.
 * @throws {AppError} INVALID_ARGUMENT with what is wrong with the archive, TOO_LARGE, and what the engine says
 */
export async function receiveContext(context: SandboxContext, build: BuildRecord, request: Request): Promise<void> {
  const { engine, clock } = context;
  faultPoint("server.build.claimed");
  try {
    const archive = withDeadlines(request.body ?? new Blob([]).stream());
    await engine.buildImage(build.id, requestOf(build), archive);
    faultPoint("server.build.received");
    await markBuilding(context, build, clock());
  } catch (thrown) {
    const error = request.signal.aborted ? cutOff(thrown) : toAppError(thrown);
    await giveUp(context, build, error);
    throw error;
  }
}

/** Has the engine fetch an image of a registry, and resolves when it has begun. The credentials end up nowhere else. */
export async function beginFetch(
  context: SandboxContext,
  build: BuildRecord,
  { reference, credentials }: RegistryImage,
): Promise<void> {
  try {
    const request = { ...requestOf(build), source: { kind: "registry", reference } as const, credentials };
    await context.engine.buildImage(build.id, request);
  } catch (error) {
    await giveUp(context, build, error);
    throw error;
  }
}

const requestOf = ({ workspace }: BuildRecord): EngineImageRequest => ({
  source: { kind: "context" },
  cacheScope: workspace,
  buildArgs: {},
  credentials: {},
});

async function markBuilding(context: SandboxContext, { id }: BuildRecord, receivedAtMs: number): Promise<void> {
  const { store, builds } = context;
  const building = await store.builds.change(id, ["RECEIVING"], { status: "BUILDING", receivedAtMs });
  if (building === undefined) throw goneMeanwhile();
  builds.put(building);
  await tellOfBuilding(context, building);
  faultPoint("server.build.building");
  void followBuild(context, building);
}

/** Brings what waits for a build to where it says so. Can be repeated. */
export async function tellOfBuilding(context: SandboxContext, build: BuildRecord): Promise<void> {
  const { store, clock } = context;
  const message = "Image is being built";
  if (build.sandboxId === undefined) {
    const name = ImageName.parse(build.name);
    await setImageStatus(context, { workspace: build.workspace, name, status: "BUILDING", message });
    return;
  }
  const sandbox = await store.sandboxes.findById(build.sandboxId);
  if (sandbox === undefined) return;
  await store.sandboxes.change(sandbox.id, sandbox.status, {
    ...(sandbox.status === "UPLOADING" && { status: "BUILDING" as const }),
    events: withEvent(sandbox.events, happened("BUILDING", message, clock())),
    updatedAtMs: clock(),
  });
}

/** The engine may have begun, or be gone. */
async function giveUp(context: SandboxContext, build: BuildRecord, error: unknown): Promise<void> {
  await failBuild(context, build, error);
  // A build that was deleted meanwhile is known to nobody else.
  await context.engine.removeImage(build.id).catch(() => undefined);
}

const cutOff = (cause: unknown): AppError =>
  new AppError("INVALID_ARGUMENT", "Cannot build the image: its upload was cut off", {
    hint: "Ask for a new address and upload it again",
    cause,
  });

const goneMeanwhile = (): AppError =>
  new AppError(
    "SANDBOX_STATE_CONFLICT",
    "Cannot build the image: its build was deleted, or another one took its place",
  );
