import { AppError } from "@dormouse/kernel";
import type { PendingImageShareAnswer, WorkspaceName } from "@dormouse/schema";
import type { ImageRecord, PendingImageShareRecord } from "@dormouse/store";
import type { ControlPlaneDeps } from "../ports.ts";
import type { ImageContext } from "./context.ts";
import { eraseRemoved } from "./delete-image.ts";
import { allowRestarts } from "./restart-bans.ts";

/** One that is offered to a workspace, or by it. @throws {AppError} IMAGE_SHARE_NOT_FOUND */
export async function requirePending(
  { store }: Pick<ControlPlaneDeps, "store">,
  workspace: WorkspaceName,
  id: string,
): Promise<PendingImageShareRecord> {
  const pending = await store.imageShares.findPending(id);
  if (pending?.targetWorkspace === workspace || pending?.sourceWorkspace === workspace) return pending;
  throw gone(id);
}

export interface Acceptance {
  readonly pending: PendingImageShareRecord;
  /** The target's own image of that name makes way, with all its versions. */
  readonly force: boolean;
}

/**
 * From now on the target has the image.
 * @throws {AppError} FORBIDDEN to whoever offers it, IMAGE_SHARE_EXPIRED, IMAGE_SHARE_NOT_FOUND, IMAGE_ALREADY_EXISTS when the
 *   target has an image of that name that does not make way
 */
export async function acceptShare(
  context: ImageContext,
  workspace: WorkspaceName,
  { pending, force }: Acceptance,
): Promise<ImageRecord> {
  const { store, clock } = context;
  assertOffered(pending, workspace);
  if (pending.expiresAtMs <= clock()) {
    throw new AppError("IMAGE_SHARE_EXPIRED", `Cannot accept image "${pending.imageName}": the offer has expired`, {
      hint: `Ask workspace "${pending.sourceWorkspace}" to share it again`,
    });
  }
  if (force) await makeWay(context, pending);
  return context.changeOf(pending.imageId, async () => {
    const accepted = await store.imageShares.accept(pending.id, clock());
    const image = accepted && (await store.images.find(workspace, pending.imageName));
    if (image === undefined) throw gone(pending.id);
    await allowRestarts(context, image.id, workspace);
    return image;
  });
}

/** @throws {AppError} FORBIDDEN to whoever offers it, IMAGE_SHARE_NOT_FOUND */
export async function declineShare(
  { store }: ControlPlaneDeps,
  workspace: WorkspaceName,
  pending: PendingImageShareRecord,
): Promise<void> {
  assertOffered(pending, workspace);
  if (!(await store.imageShares.decline(pending.id))) throw gone(pending.id);
}

/** Those offered to a workspace, or by it. */
export async function listPending(
  deps: ControlPlaneDeps,
  workspace: WorkspaceName,
  direction: "incoming" | "outgoing",
): Promise<PendingImageShareAnswer[]> {
  const { store, clock } = deps;
  const shares = await store.imageShares.listPending(workspace, direction, clock());
  return Promise.all(shares.map((share) => renderPending(deps, share, workspace)));
}

/** An offer as the one side or the other sees it: each is told nothing of the other that the offer itself does not say. */
export async function renderPending(
  { store, directory }: ControlPlaneDeps,
  share: PendingImageShareRecord,
  viewer: WorkspaceName,
): Promise<PendingImageShareAnswer> {
  const [source, target] = await Promise.all([
    store.accounts.findWorkspace(share.sourceWorkspace),
    store.accounts.findWorkspace(share.targetWorkspace),
  ]);
  const sharer = directory.credentials.people.nameOf({ type: "user", id: share.sharedBy });
  return {
    id: share.id,
    imageName: share.imageName,
    resourceType: share.resourceType,
    sourceWorkspace: share.sourceWorkspace,
    sourceAccountId: source?.accountId ?? "",
    targetWorkspace: share.targetWorkspace,
    targetAccountId: target?.accountId ?? "",
    sharedBy: share.sharedBy,
    ...(sharer !== share.sharedBy && { sharedByEmail: sharer }),
    ...(viewer === share.targetWorkspace && {
      sourceWorkspaceDisplayName: source?.displayName ?? "",
      hasConflict: (await store.images.find(viewer, share.imageName)) !== undefined,
    }),
    createdAt: timeOf(share.createdAtMs),
    updatedAt: timeOf(share.updatedAtMs),
    expiresAt: timeOf(share.expiresAtMs),
  };
}

/** An image of the target that is shared with it as well stays in the way. */
async function makeWay(context: ImageContext, { targetWorkspace, imageName }: PendingImageShareRecord): Promise<void> {
  const own = await context.store.images.find(targetWorkspace, imageName);
  if (own?.workspace !== targetWorkspace) return;
  try {
    await context.store.images.remove(own);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "IMAGE_IN_USE") throw error;
    throw new AppError("IMAGE_ALREADY_EXISTS", error.message, { hint: error.hint ?? "", cause: error });
  }
  await eraseRemoved(context);
}

function assertOffered({ imageName, targetWorkspace }: PendingImageShareRecord, workspace: WorkspaceName): void {
  if (workspace === targetWorkspace) return;
  throw new AppError("FORBIDDEN", `Cannot answer the offer of image "${imageName}": it is made by this workspace`, {
    hint: `An administrator of workspace "${targetWorkspace}" must answer; take it back by unsharing the image`,
  });
}

function gone(id: string): AppError {
  return new AppError("IMAGE_SHARE_NOT_FOUND", `Cannot find pending share "${id}": there is none for this workspace`, {
    hint: "List the pending shares; it may have been answered already",
  });
}

const timeOf = (atMs: number): string => new Date(atMs).toISOString();
