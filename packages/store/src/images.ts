import { AppError } from "@dormouse/kernel";
import type {
  EngineImageId,
  ImageName,
  ImageStatus,
  ImageTagName,
  ResourceEvent,
  WorkspaceName,
} from "@dormouse/schema";
import type { Kysely } from "kysely";
import {
  findOwn,
  findVisible,
  fromImageRow,
  type ImageRecord,
  type ImageTagRecord,
  lockImage,
  lockNames,
  tagsOf,
  toImageRow,
  toTagRow,
  usersOf,
  visibleTo,
} from "./image-rows.ts";
import type { Tables } from "./tables.ts";

/** Where a push has come to. */
export interface ImageChange {
  readonly status: ImageStatus;
  /** Told with it; none when nothing new is to be told. */
  readonly event?: ResourceEvent | undefined;
  readonly updatedAtMs: number;
}

/** Of an image's events so many are kept. */
const EVENTS_MAX_COUNT = 100;

/** Rows of `images`, `image_tags` and `image_removals`. */
export class ImageRepository {
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  /**
   * A push begins: the workspace has the image from now on, if it had not.
   * @throws {AppError} IMAGE_ALREADY_EXISTS when another workspace shares one of that name with it
   */
  async begin(record: ImageRecord, change: ImageChange): Promise<ImageRecord> {
    const { workspace, name } = record;
    return this.#db.transaction().execute(async (transaction) => {
      await lockNames(transaction, workspace);
      const existing = await findVisible(transaction, workspace, name);
      if (existing === undefined) {
        const begun = withChange(record, change);
        await transaction.insertInto("images").values(toImageRow(begun)).execute();
        return begun;
      }
      if (existing.workspace === workspace) return applyChange(transaction, existing, change);
      throw new AppError(
        "IMAGE_ALREADY_EXISTS",
        `Cannot make image "${name}": workspace "${existing.workspace}" shares one of that name with this one`,
        { hint: "Choose another name, or have that share ended" },
      );
    });
  }

  /** One that the workspace owns, or that is shared with it. */
  async find(workspace: WorkspaceName, name: string): Promise<ImageRecord | undefined> {
    return findVisible(this.#db, workspace, name);
  }

  /** By name; with those that are shared with the workspace. */
  async list(workspace: WorkspaceName): Promise<ImageRecord[]> {
    const rows = await visibleTo(this.#db, workspace).orderBy("images.name").execute();
    const tags = await tagsOf(
      this.#db,
      rows.map(({ id }) => id),
    );
    return rows.map((row) => fromImageRow(row, tags));
  }

  /** Of one that the workspace owns; `undefined` if it is gone. */
  async change(workspace: WorkspaceName, name: ImageName, change: ImageChange): Promise<ImageRecord | undefined> {
    return this.#db.transaction().execute(async (transaction) => {
      const image = await findOwn(transaction, workspace, name);
      return image && applyChange(transaction, image, change);
    });
  }

  /** Its newest version; `undefined` if the image is gone, which the workspace owned. */
  async addTag(
    workspace: WorkspaceName,
    name: ImageName,
    { tag, change }: { tag: Omit<ImageTagRecord, "imageId">; change: ImageChange },
  ): Promise<ImageRecord | undefined> {
    return this.#db.transaction().execute(async (transaction) => {
      const image = await findOwn(transaction, workspace, name);
      if (image === undefined) return undefined;
      // Also when the clock was set back.
      const newestAtMs = image.tags.at(-1)?.createdAtMs ?? 0;
      const added = { ...tag, imageId: image.id, createdAtMs: Math.max(tag.createdAtMs, newestAtMs + 1) };
      await transaction.insertInto("image_tags").values(toTagRow(added)).execute();
      const changed = await applyChange(transaction, image, change);
      return { ...changed, tags: [...image.tags, added] };
    });
  }

  /** Whether a version is there, and its workspace owns it or it is shared with it. */
  async isUsable(workspace: WorkspaceName, id: EngineImageId): Promise<boolean> {
    const row = await visibleTo(this.#db, workspace)
      .where("images.id", "in", (eb) => eb.selectFrom("image_tags").select("image_id").where("id", "=", id))
      .executeTakeFirst();
    return row !== undefined;
  }

  /** A sandbox of the workspace was created from a version. */
  async noteDeployed(workspace: WorkspaceName, id: EngineImageId, atMs: number): Promise<void> {
    const imageId = this.#db.selectFrom("image_tags").select("image_id").where("id", "=", id);
    const change = { last_deployed_at_ms: atMs };
    await this.#db
      .updateTable("images")
      .set(change)
      .where("id", "in", imageId)
      .where("workspace", "=", workspace)
      .execute();
    await this.#db
      .updateTable("image_shares")
      .set(change)
      .where("image_id", "in", imageId)
      .where("target_workspace", "=", workspace)
      .execute();
  }

  /**
   * With all its versions, which are then left to be removed from the engine. Idempotent.
   * @throws {AppError} IMAGE_IN_USE while it is shared or a sandbox of its workspace uses it
   */
  async remove({ id, name }: Pick<ImageRecord, "id" | "name">): Promise<void> {
    await this.#db.transaction().execute(async (transaction) => {
      const image = await requireFree(transaction, { id, name }, "image");
      if (image !== undefined) await removeWhole(transaction, image);
    });
  }

  /** The image goes with its last version. Idempotent. @throws {AppError} IMAGE_IN_USE, as for `remove` */
  async removeTag({ id, name }: Pick<ImageRecord, "id" | "name">, tagName: ImageTagName): Promise<void> {
    await this.#db.transaction().execute(async (transaction) => {
      const image = await requireFree(transaction, { id, name }, tagName);
      const tag = image?.tags.find((other) => other.name === tagName);
      if (image === undefined || tag === undefined) return;
      const isLast = image.tags.length === 1 && image.status !== "UPLOADING" && image.status !== "BUILDING";
      if (isLast) return removeWhole(transaction, image);
      await removeTags(transaction, [tag]);
    });
  }

  /** Versions that are left to be removed from the engine. */
  async removals(): Promise<EngineImageId[]> {
    const rows = await this.#db.selectFrom("image_removals").selectAll().execute();
    return rows.map(({ id }) => id as EngineImageId);
  }

  /** The engine has removed it. Idempotent. */
  async forgetRemoval(id: EngineImageId): Promise<void> {
    await this.#db.deleteFrom("image_removals").where("id", "=", id).execute();
  }
}

function withChange(image: ImageRecord, { status, event, updatedAtMs }: ImageChange): ImageRecord {
  const events = event === undefined ? image.events : [...image.events, event].slice(-EVENTS_MAX_COUNT);
  return { ...image, status, events, updatedAtMs };
}

async function applyChange(db: Kysely<Tables>, image: ImageRecord, change: ImageChange): Promise<ImageRecord> {
  const changed = withChange(image, change);
  const { status, events, updated_at_ms } = toImageRow(changed);
  await db.updateTable("images").set({ status, events, updated_at_ms }).where("id", "=", image.id).execute();
  return changed;
}

/** `part` is the version that is to go, or `image` for all of them. @throws {AppError} IMAGE_IN_USE */
async function requireFree(
  db: Kysely<Tables>,
  { id, name }: Pick<ImageRecord, "id" | "name">,
  part: ImageTagName | "image",
): Promise<ImageRecord | undefined> {
  const image = await lockImage(db, id);
  if (image === undefined) return undefined;
  const whole = part === "image";
  const what = whole ? `image "${name}"` : `version "${part}" of image "${name}"`;
  const share = await db
    .selectFrom("image_shares")
    .select("target_workspace")
    .where("image_id", "=", id)
    .where("status", "=", "active")
    .executeTakeFirst();
  if (share !== undefined) {
    throw new AppError("IMAGE_IN_USE", `Cannot delete ${what}: it is shared with "${share.target_workspace}"`, {
      hint: "Unshare it from every workspace first",
    });
  }
  const users = usersOf(db, id, image.workspace);
  const user = await (whole ? users : users.where("image_tags.name", "=", part)).executeTakeFirst();
  if (user === undefined) return image;
  throw new AppError("IMAGE_IN_USE", `Cannot delete ${what}: sandbox "${user.name}" uses it`, {
    hint: "Delete that sandbox first, or give it another image",
  });
}

async function removeWhole(db: Kysely<Tables>, image: ImageRecord): Promise<void> {
  await removeTags(db, image.tags);
  await db.deleteFrom("images").where("id", "=", image.id).execute();
}

async function removeTags(db: Kysely<Tables>, tags: readonly ImageTagRecord[]): Promise<void> {
  for (const { id } of tags) {
    await db.insertInto("image_removals").values({ id }).execute();
    await db.deleteFrom("image_tags").where("id", "=", id).execute();
  }
}
