import { AppError, randomId, randomSecret } from "@dormouse/kernel";
import { EngineImageId, type RegistryCredentials } from "@dormouse/schema";
import type { BuildRecord } from "@dormouse/store";
import type { SandboxContext } from "../sandboxes/context.ts";
import { hashSecret } from "../secrets.ts";
import { eraseBuild } from "./end-build.ts";

/** How long the address of an upload can be used. */
export const UPLOAD_LIFETIME_MS = 60 * 60_000;

/** Of one workspace: more only wait for each other. */
const UNDER_WAY_MAX_COUNT = 32;

export type WantedBuild = Pick<
  BuildRecord,
  "workspace" | "kind" | "name" | "sandboxId" | "runtime" | "createdBy" | "status"
>;

/** An image to be fetched. */
export interface RegistryImage {
  readonly reference: string;
  /** Known to the engine alone, and only while it fetches. */
  readonly credentials: RegistryCredentials;
}

export interface BegunBuild {
  readonly build: BuildRecord;
  /** Opens the upload, once. */
  readonly uploadSecret: string;
}

/** @throws {AppError} RATE_LIMITED */
export function assertFewBuilds({ builds }: SandboxContext, { workspace }: Pick<BuildRecord, "workspace">): void {
  if (builds.countUnderWay(workspace) < UNDER_WAY_MAX_COUNT) return;
  throw new AppError(
    "RATE_LIMITED",
    `Cannot begin a build: workspace "${workspace}" has ${UNDER_WAY_MAX_COUNT} under way`,
    { hint: "Wait until some of them have ended", details: { retryAfterS: 10 } },
  );
}

/** The latest build of its name from now on: an earlier one that has not ended ends. */
export function beginBuild(context: SandboxContext, wanted: WantedBuild): Promise<BegunBuild> {
  const { store, builds, buildChanges, clock } = context;
  const { workspace, kind, name } = wanted;
  return buildChanges.run(`${workspace}/${kind}/${name}`, async () => {
    const earlier = builds.find(wanted);
    if (earlier !== undefined) await eraseBuild(context, earlier);
    const uploadSecret = randomSecret();
    const nowMs = clock();
    const build: BuildRecord = {
      ...wanted,
      id: EngineImageId.parse(randomId()),
      uploadHash: wanted.status === "WAITING" ? hashSecret(uploadSecret) : undefined,
      uploadExpiresAtMs: nowMs + UPLOAD_LIFETIME_MS,
      image: undefined,
      failure: undefined,
      createdAtMs: nowMs,
      receivedAtMs: undefined,
      endedAtMs: undefined,
    };
    await store.builds.insert(build);
    builds.put(build);
    return { build, uploadSecret };
  });
}
