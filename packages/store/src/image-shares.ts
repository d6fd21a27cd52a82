import { AppError } from "@dormouse/kernel";
import type { ImageName, ImageResourceType, ImageShareStatus, SandboxId, WorkspaceName } from "@dormouse/schema";
import type { Kysely, Selectable } from "kysely";
import { findVisible, type ImageRecord, lockImage, lockNames, usersOf } from "./image-rows.ts";
import type { ImageSharesTable, ImagesTable, Tables } from "./tables.ts";

export interface ImageShareRecord {
  readonly id: string;
  readonly imageId: string;
  readonly targetWorkspace: WorkspaceName;
  readonly status: ImageShareStatus;
  /** Id of whoever shares it. */
  readonly sharedBy: string;
  /** Of one that is pending. */
  readonly expiresAtMs: number | undefined;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

/** A share that waits for the target, with what it is of. */
export interface PendingImageShareRecord extends ImageShareRecord {
  readonly imageName: ImageName;
  readonly resourceType: ImageResourceType;
  readonly sourceWorkspace: WorkspaceName;
  readonly expiresAtMs: number;
}

/** A sandbox whose image is not its workspace's own. */
export interface ImageBorrower {
  readonly sandboxId: SandboxId;
  /** The image is there, and shared with the workspace. */
  readonly mayStart: boolean;
}

type ShareRow = Selectable<ImageSharesTable>;
type PendingRow = ShareRow & Pick<Selectable<ImagesTable>, "name" | "resource_type" | "workspace">;

/** Rows of `image_shares`. What is shared is seen through them: there are no copies of images and tags. */
export class ImageShareRepository {
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  /**
   * Adds it, in place of one for the same target that is pending and not in force any more; resolves with the one there is.
   * @throws {AppError} IMAGE_NOT_FOUND, IMAGE_ALREADY_EXISTS when an active one would give the target two images of one name
   */
  async insert(share: ImageShareRecord, nowMs: number): Promise<ImageShareRecord> {
    return this.#db.transaction().execute(async (transaction) => {
      await lockNames(transaction, share.targetWorkspace);
      const image = await lockImage(transaction, share.imageId);
      if (image === undefined) throw new AppError("IMAGE_NOT_FOUND", "Cannot share the image: it is gone");
      const existing = await transaction
        .selectFrom("image_shares")
        .selectAll()
        .where("image_id", "=", share.imageId)
        .where("target_workspace", "=", share.targetWorkspace)
        .executeTakeFirst();
      if (existing !== undefined && (existing.status === "active" || !isOver(existing.expires_at_ms, nowMs))) {
        return fromRow(existing);
      }
      if (existing !== undefined) await removeById(transaction, existing.id);
      if (share.status === "active") await requireFreeName(transaction, image, share.targetWorkspace);
      await transaction.insertInto("image_shares").values(toRow(share)).execute();
      return share;
    });
  }

  /**
   * The target takes it; `undefined` if it is gone or was taken before.
   * @throws {AppError} IMAGE_ALREADY_EXISTS when the target has another image of that name
   */
  async accept(id: string, updatedAtMs: number): Promise<ImageShareRecord | undefined> {
    return this.#db.transaction().execute(async (transaction) => {
      const pending = await findPending(transaction, id);
      if (pending === undefined) return undefined;
      await lockNames(transaction, pending.targetWorkspace);
      const image = await lockImage(transaction, pending.imageId);
      if (image === undefined) return undefined;
      await requireFreeName(transaction, image, pending.targetWorkspace);
      const row = await transaction
        .updateTable("image_shares")
        .set({ status: "active", expires_at_ms: null, updated_at_ms: updatedAtMs })
        .where("id", "=", id)
        .where("status", "=", "pending")
        .returningAll()
        .executeTakeFirst();
      return row && fromRow(row);
    });
  }

  /** Of an image, by workspace; without those that were not accepted in time. */
  async list(imageId: string, nowMs: number): Promise<ImageShareRecord[]> {
    const rows = await this.#db
      .selectFrom("image_shares")
      .selectAll()
      .where("image_id", "=", imageId)
      .orderBy("target_workspace")
      .execute();
    return rows.filter((row) => !isOver(row.expires_at_ms, nowMs)).map(fromRow);
  }

  async findPending(id: string): Promise<PendingImageShareRecord | undefined> {
    return findPending(this.#db, id);
  }

  /** Offered to a workspace, or by it; oldest first, without those that were not accepted in time. */
  async listPending(
    workspace: WorkspaceName,
    direction: "incoming" | "outgoing",
    nowMs: number,
  ): Promise<PendingImageShareRecord[]> {
    const rows = await pending(this.#db)
      .where(direction === "incoming" ? "image_shares.target_workspace" : "images.workspace", "=", workspace)
      .where("image_shares.expires_at_ms", ">", nowMs)
      .orderBy("image_shares.created_at_ms")
      .orderBy("image_shares.id")
      .execute();
    return rows.map(fromPendingRow);
  }

  /** The share as it was; `undefined` if there was none. */
  async remove(imageId: string, targetWorkspace: string): Promise<ImageShareRecord | undefined> {
    const row = await this.#db
      .deleteFrom("image_shares")
      .where("image_id", "=", imageId)
      .where("target_workspace", "=", targetWorkspace)
      .returningAll()
      .executeTakeFirst();
    return row && fromRow(row);
  }

  /** False when it is gone, or was accepted meanwhile. */
  async decline(id: string): Promise<boolean> {
    const row = await this.#db
      .deleteFrom("image_shares")
      .where("id", "=", id)
      .where("status", "=", "pending")
      .returning("id")
      .executeTakeFirst();
    return row !== undefined;
  }

  /** Forgets those that were not accepted before `atMs`. */
  async removeExpiredBefore(atMs: number): Promise<void> {
    await this.#db.deleteFrom("image_shares").where("expires_at_ms", "<", atMs).execute();
  }

  /** Sandboxes of a workspace that use a version of the image and may still run. */
  async usersOf(imageId: string, workspace: WorkspaceName): Promise<SandboxId[]> {
    const rows = await usersOf(this.#db, imageId, workspace).execute();
    return rows.map(({ id }) => id);
  }

  /** Of every workspace, the sandboxes whose image is another one's, or is gone. */
  async borrowers(): Promise<ImageBorrower[]> {
    const rows = await this.#db
      .selectFrom("sandboxes")
      .leftJoin("image_tags", "image_tags.id", "sandboxes.engine_image_id")
      .leftJoin("images", "images.id", "image_tags.image_id")
      .leftJoin("image_shares", (join) =>
        join
          .onRef("image_shares.image_id", "=", "images.id")
          .onRef("image_shares.target_workspace", "=", "sandboxes.workspace")
          .on("image_shares.status", "=", "active"),
      )
      .select(["sandboxes.id", "image_shares.id as share"])
      .where("sandboxes.engine_image_id", "is not", null)
      .where((eb) => eb.or([eb("images.id", "is", null), eb("images.workspace", "!=", eb.ref("sandboxes.workspace"))]))
      .execute();
    return rows.map(({ id, share }) => ({ sandboxId: id as SandboxId, mayStart: share !== null }));
  }
}

/** No workspace sees two images of one name. @throws {AppError} IMAGE_ALREADY_EXISTS */
async function requireFreeName(db: Kysely<Tables>, { id, name }: ImageRecord, target: WorkspaceName): Promise<void> {
  const other = await findVisible(db, target, name);
  if (other === undefined || other.id === id) return;
  throw new AppError(
    "IMAGE_ALREADY_EXISTS",
    `Cannot share image "${name}" with "${target}": that workspace has an image of that name`,
    { hint: "It must delete its own first" },
  );
}

function pending(db: Kysely<Tables>) {
  return db
    .selectFrom("image_shares")
    .innerJoin("images", "images.id", "image_shares.image_id")
    .selectAll("image_shares")
    .select(["images.name", "images.resource_type", "images.workspace"])
    .where("image_shares.status", "=", "pending");
}

async function findPending(db: Kysely<Tables>, id: string): Promise<PendingImageShareRecord | undefined> {
  const row = await pending(db).where("image_shares.id", "=", id).executeTakeFirst();
  return row && fromPendingRow(row);
}

async function removeById(db: Kysely<Tables>, id: string): Promise<void> {
  await db.deleteFrom("image_shares").where("id", "=", id).execute();
}

function isOver(expiresAtMs: number | null, nowMs: number): boolean {
  return expiresAtMs !== null && expiresAtMs <= nowMs;
}

function toRow(share: ImageShareRecord): ShareRow {
  return {
    id: share.id,
    image_id: share.imageId,
    target_workspace: share.targetWorkspace,
    status: share.status,
    shared_by: share.sharedBy,
    expires_at_ms: share.expiresAtMs ?? null,
    last_deployed_at_ms: null,
    created_at_ms: share.createdAtMs,
    updated_at_ms: share.updatedAtMs,
  };
}

/** Rows are only ever written by `toRow`, so what they hold is trusted, not parsed again. */
function fromRow(row: ShareRow): ImageShareRecord {
  return {
    id: row.id,
    imageId: row.image_id,
    targetWorkspace: row.target_workspace as WorkspaceName,
    status: row.status as ImageShareStatus,
    sharedBy: row.shared_by,
    expiresAtMs: row.expires_at_ms ?? undefined,
    createdAtMs: row.created_at_ms,
    updatedAtMs: row.updated_at_ms,
  };
}

function fromPendingRow(row: PendingRow): PendingImageShareRecord {
  return {
    ...fromRow(row),
    imageName: row.name as ImageName,
    resourceType: row.resource_type as ImageResourceType,
    sourceWorkspace: row.workspace as WorkspaceName,
    expiresAtMs: row.expires_at_ms ?? 0,
  };
}
