import type {
  EngineImageId,
  ImageName,
  ImageResourceType,
  ImageStatus,
  ImageTagName,
  ResourceEvent,
  SandboxId,
  WorkspaceName,
} from "@dormouse/schema";
import { sql, type Kysely, type Selectable } from "kysely";
import type { ImagesTable, ImageTagsTable, Tables } from "./tables.ts";

export interface ImageRecord {
  readonly id: string;
  /** The one that owns it. */
  readonly workspace: WorkspaceName;
  readonly resourceType: ImageResourceType;
  readonly name: ImageName;
  readonly status: ImageStatus;
  /** Oldest first. */
  readonly events: readonly ResourceEvent[];
  /** In the workspace that it was read for. */
  readonly lastDeployedAtMs: number | undefined;
  /** Who, in the words of the API's answers. */
  readonly createdBy: string | undefined;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  /** Oldest first. */
  readonly tags: readonly ImageTagRecord[];
}

export interface ImageTagRecord {
  /** Also its id on the engine. */
  readonly id: EngineImageId;
  readonly imageId: string;
  readonly name: ImageTagName;
  readonly sizeBytes: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

/** Statuses of sandboxes that no request can bring back. */
const OVER = ["FAILED", "DELETING", "TERMINATED"] as const;

/** Until the transaction ends the workspace gets no further image, its own or shared with it. */
export async function lockNames(db: Kysely<Tables>, workspace: WorkspaceName): Promise<void> {
  await db.selectFrom("workspaces").select("name").where("name", "=", workspace).forUpdate().execute();
}

/** One that the workspace owns, or that is shared with it. */
export async function findVisible(
  db: Kysely<Tables>,
  workspace: WorkspaceName,
  name: string,
): Promise<ImageRecord | undefined> {
  const row = await visibleTo(db, workspace).where("images.name", "=", name).executeTakeFirst();
  return row && fromImageRow(row, await tagsOf(db, [row.id]));
}

/** One that is there; nobody else changes it until the transaction ends. */
export async function lockImage(db: Kysely<Tables>, id: string): Promise<ImageRecord | undefined> {
  const row = await db.selectFrom("images").selectAll().where("id", "=", id).forUpdate().executeTakeFirst();
  return row && fromImageRow(row, await tagsOf(db, [id]));
}

/** Sandboxes of the workspace that use a version of the image and may still run. */
export function usersOf(db: Kysely<Tables>, imageId: string, workspace: WorkspaceName) {
  return db
    .selectFrom("sandboxes")
    .innerJoin("image_tags", "image_tags.id", "sandboxes.engine_image_id")
    .select(["sandboxes.id", "sandboxes.name", "image_tags.name as tag"])
    .where("image_tags.image_id", "=", imageId)
    .where("sandboxes.workspace", "=", workspace)
    .where("sandboxes.status", "not in", OVER)
    .$narrowType<{ id: SandboxId }>();
}

/** Versions of the image, with its last use in the workspace. */
export function visibleTo(db: Kysely<Tables>, workspace: WorkspaceName) {
  return db
    .selectFrom("images")
    .leftJoin("image_shares", (join) =>
      join
        .onRef("image_shares.image_id", "=", "images.id")
        .on("image_shares.target_workspace", "=", workspace)
        .on("image_shares.status", "=", "active"),
    )
    .selectAll("images")
    .select(
      sql<number | null>`case when images.workspace = ${workspace} then images.last_deployed_at_ms
        else image_shares.last_deployed_at_ms end`.as("last_deployed_at_ms"),
    )
    .where((eb) => eb.or([eb("images.workspace", "=", workspace), eb("image_shares.id", "is not", null)]));
}

/** One that the workspace owns; nobody else changes it until the transaction ends. */
export async function findOwn(
  db: Kysely<Tables>,
  workspace: WorkspaceName,
  name: ImageName,
): Promise<ImageRecord | undefined> {
  const row = await db
    .selectFrom("images")
    .selectAll()
    .where("workspace", "=", workspace)
    .where("name", "=", name)
    .forUpdate()
    .executeTakeFirst();
  return row && fromImageRow(row, await tagsOf(db, [row.id]));
}

/** Oldest first. */
export async function tagsOf(db: Kysely<Tables>, imageIds: readonly string[]): Promise<ImageTagRecord[]> {
  if (imageIds.length === 0) return [];
  const rows = await db
    .selectFrom("image_tags")
    .selectAll()
    .where("image_id", "in", imageIds)
    .orderBy("created_at_ms")
    .orderBy("id")
    .execute();
  return rows.map(fromTagRow);
}

export function toImageRow(record: ImageRecord): Selectable<ImagesTable> {
  return {
    id: record.id,
    workspace: record.workspace,
    resource_type: record.resourceType,
    name: record.name,
    status: record.status,
    events: JSON.stringify(record.events),
    last_deployed_at_ms: record.lastDeployedAtMs ?? null,
    created_by: record.createdBy ?? null,
    created_at_ms: record.createdAtMs,
    updated_at_ms: record.updatedAtMs,
  };
}

/** Rows are only ever written by `toImageRow`, so what they hold is trusted, not parsed again. */
export function fromImageRow(row: Selectable<ImagesTable>, tags: readonly ImageTagRecord[]): ImageRecord {
  return {
    id: row.id,
    workspace: row.workspace as WorkspaceName,
    resourceType: row.resource_type as ImageResourceType,
    name: row.name as ImageName,
    status: row.status as ImageStatus,
    events: JSON.parse(row.events) as ResourceEvent[],
    lastDeployedAtMs: row.last_deployed_at_ms ?? undefined,
    createdBy: row.created_by ?? undefined,
    createdAtMs: row.created_at_ms,
    updatedAtMs: row.updated_at_ms,
    tags: tags.filter(({ imageId }) => imageId === row.id),
  };
}

export function toTagRow(tag: ImageTagRecord): Selectable<ImageTagsTable> {
  return {
    id: tag.id,
    image_id: tag.imageId,
    name: tag.name,
    size_bytes: tag.sizeBytes,
    created_at_ms: tag.createdAtMs,
    updated_at_ms: tag.updatedAtMs,
  };
}

function fromTagRow(row: Selectable<ImageTagsTable>): ImageTagRecord {
  return {
    id: row.id as EngineImageId,
    imageId: row.image_id,
    name: row.name as ImageTagName,
    sizeBytes: row.size_bytes,
    createdAtMs: row.created_at_ms,
    updatedAtMs: row.updated_at_ms,
  };
}
