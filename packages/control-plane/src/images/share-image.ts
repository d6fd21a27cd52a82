import { AppError, randomId } from "@dormouse/kernel";
import type { ImageShareAnswer, ImageShareRequest } from "@dormouse/schema";
import type { ImageRecord, ImageShareRecord, WorkspaceRecord } from "@dormouse/store";
import type { ControlPlaneDeps } from "../ports.ts";
import type { ImageContext } from "./context.ts";
import { allowRestarts, forbidRestarts } from "./restart-bans.ts";

/** How long the other account has to accept. */
const PENDING_LIFETIME_MS = 7 * 86_400_000;

export interface WantedShare {
  readonly request: ImageShareRequest;
  /** Id of whoever asks. */
  readonly sharedBy: string;
}

/**
 * Lets another workspace use an image: one of the account at once, one of another account after it has accepted. Idempotent.
 * @throws {AppError} INVALID_ARGUMENT, WORKSPACE_NOT_FOUND, IMAGE_ALREADY_EXISTS when the target has an image of that name,
 *   IMAGE_NOT_FOUND
 */
export async function shareImage(
  context: ImageContext,
  image: ImageRecord,
  { request, sharedBy }: WantedShare,
): Promise<ImageShareRecord> {
  const { store, directory, clock } = context;
  const { name: targetWorkspace } = await requireTarget(context, image, request);
  const isNeighbour = directory.credentials.people.isSameAccount(image.workspace, targetWorkspace);
  return context.changeOf(image.id, async () => {
    const nowMs = clock();
    const share: ImageShareRecord = {
      id: randomId(20),
      imageId: image.id,
      targetWorkspace,
      status: isNeighbour ? "active" : "pending",
      sharedBy,
      expiresAtMs: isNeighbour ? undefined : nowMs + PENDING_LIFETIME_MS,
      createdAtMs: nowMs,
      updatedAtMs: nowMs,
    };
    const stored = await store.imageShares.insert(share, nowMs);
    if (stored.status === "active") await allowRestarts(context, image.id, targetWorkspace);
    return stored;
  });
}

/**
 * Ends a share, or takes an offer back. Nothing can be created from the image in the target any more; sandboxes it has go on
 * until their next start. @throws {AppError} IMAGE_SHARE_NOT_FOUND
 */
export async function unshareImage(context: ImageContext, image: ImageRecord, target: string): Promise<void> {
  const { store, clock } = context;
  await context.changeOf(image.id, async () => {
    const share = (await store.imageShares.list(image.id, clock())).find((other) => other.targetWorkspace === target);
    if (share === undefined) throw notShared(image, target);
    const isActive = share.status === "active";
    // First, so that with an engine that does not answer everything is as it was.
    if (isActive) await forbidRestarts(context, image.id, share.targetWorkspace);
    await store.imageShares.remove(image.id, target);
    if (isActive) await forbidRestarts(context, image.id, share.targetWorkspace);
  });
}

function notShared({ name }: ImageRecord, target: string): AppError {
  return new AppError("IMAGE_SHARE_NOT_FOUND", `Cannot unshare image "${name}": it is not shared with "${target}"`, {
    hint: "List its shares to see with whom it is",
  });
}

/** With whom an image is shared, or offered to. Of another account nothing is told that was not known before it accepted. */
export async function listShares({ store, clock }: ControlPlaneDeps, { id }: ImageRecord): Promise<ImageShareAnswer[]> {
  const shares = await store.imageShares.list(id, clock());
  const workspaces = new Map((await store.accounts.workspaces()).map((workspace) => [workspace.name, workspace]));
  return shares.flatMap((share) => {
    const workspace = workspaces.get(share.targetWorkspace);
    return workspace === undefined ? [] : [renderShare(share, workspace)];
  });
}

function renderShare({ id, status }: ImageShareRecord, { name, accountId, displayName }: WorkspaceRecord) {
  return {
    status,
    workspace: name,
    accountId,
    ...(status === "active" ? { workspaceDisplayName: displayName } : { pendingShareId: id }),
  };
}

/** A workspace of another account is only found by who knows the account's id. */
async function requireTarget(
  { store, directory }: ControlPlaneDeps,
  { name, workspace }: ImageRecord,
  request: ImageShareRequest,
): Promise<WorkspaceRecord> {
  const { targetWorkspace, targetAccountId } = request;
  if (targetWorkspace === workspace) {
    throw new AppError("INVALID_ARGUMENT", `Cannot share image "${name}" with "${workspace}": that workspace owns it`);
  }
  const target = await store.accounts.findWorkspace(targetWorkspace);
  const isNeighbour = directory.credentials.people.isSameAccount(workspace, targetWorkspace);
  const isKnown = targetAccountId === undefined ? isNeighbour : target?.accountId === targetAccountId;
  if (target !== undefined && isKnown) return target;
  const where = targetAccountId === undefined ? "the account" : `account "${targetAccountId}"`;
  throw new AppError(
    "WORKSPACE_NOT_FOUND",
    `Cannot share image "${name}": ${where} has no workspace "${targetWorkspace}"`,
    { hint: "For a workspace of another account give its account's id as targetAccountId" },
  );
}
