import type { BuildKind, BuildStatus, EngineImageId, ImageRuntime, SandboxId, WorkspaceName } from "@dormouse/schema";
import type { Kysely, Selectable } from "kysely";
import type { BuildsTable, Tables } from "./tables.ts";

export interface BuildRecord {
  /** Also the id of its image on the engine. */
  readonly id: EngineImageId;
  readonly workspace: WorkspaceName;
  readonly kind: BuildKind;
  /** Of the sandbox, or the image: the latest build of each name is kept. */
  readonly name: string;
  /** What is started from it; `undefined` for an image alone. */
  readonly sandboxId: SandboxId | undefined;
  readonly status: BuildStatus;
  /** What the request says of the sandbox; empty once it has ended. */
  readonly runtime: ImageRuntime;
  /** SHA-256 in hex of the secret in the address of its upload; `undefined` once that is used or void. */
  readonly uploadHash: string | undefined;
  readonly uploadExpiresAtMs: number;
  /** `sandbox/name:tag`, once it has that name. */
  readonly image: string | undefined;
  readonly failure: BuildFailure | undefined;
  readonly createdBy: string | undefined;
  readonly createdAtMs: number;
  /** When the engine had all that it is made of. */
  readonly receivedAtMs: number | undefined;
  readonly endedAtMs: number | undefined;
}

export interface BuildFailure {
  readonly code: string;
  readonly message: string;
}

export type BuildChange = Partial<
  Pick<BuildRecord, "status" | "runtime" | "uploadHash" | "image" | "failure" | "receivedAtMs" | "endedAtMs">
>;

/** Without a name its image is nobody's, but while it gets one. */
const isUnpublished = ({ image, status }: Pick<BuildRow, "image" | "status">): boolean =>
  image === null && status !== "PUBLISHING";

/** Rows of `builds`, and what versions of images bring along. */
export class BuildRepository {
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  /** In the place of an earlier one, which must be gone. */
  async insert(record: BuildRecord): Promise<void> {
    await this.#db.insertInto("builds").values(toRow(record)).execute();
  }

  async find(id: EngineImageId): Promise<BuildRecord | undefined> {
    const row = await this.#db.selectFrom("builds").selectAll().where("id", "=", id).executeTakeFirst();
    return row && fromRow(row);
  }

  /** Of every workspace. */
  async all(): Promise<BuildRecord[]> {
    return (await this.#db.selectFrom("builds").selectAll().execute()).map(fromRow);
  }

  /** The build whose upload this secret opens, for the one caller who gets it; then the secret opens nothing any more. */
  async claimUpload(uploadHash: string, nowMs: number): Promise<BuildRecord | undefined> {
    const row = await this.#db
      .updateTable("builds")
      .set({ upload_hash: null, status: "RECEIVING" })
      .where("upload_hash", "=", uploadHash)
      .where("upload_expires_at_ms", ">", nowMs)
      .where("status", "=", "WAITING")
      .returningAll()
      .executeTakeFirst();
    return row && fromRow(row);
  }

  /** The changed record; `undefined` if it is gone or no longer has a status the change starts from. */
  async change(id: EngineImageId, from: readonly BuildStatus[], change: BuildChange): Promise<BuildRecord | undefined> {
    const row = await this.#db
      .updateTable("builds")
      .set({
        ...(change.status !== undefined && { status: change.status }),
        ...(change.runtime !== undefined && { runtime: JSON.stringify(change.runtime) }),
        ...("uploadHash" in change && { upload_hash: change.uploadHash ?? null }),
        ...(change.image !== undefined && { image: change.image }),
        ...(change.failure !== undefined && { failure: JSON.stringify(change.failure) }),
        ...(change.receivedAtMs !== undefined && { received_at_ms: change.receivedAtMs }),
        ...(change.endedAtMs !== undefined && { ended_at_ms: change.endedAtMs }),
      })
      .where("id", "=", id)
      .where("status", "in", from)
      .returningAll()
      .executeTakeFirst();
    return row && fromRow(row);
  }

  /**
   * Forgets a build; true when the engine is to forget its image as well, which is written down until it has. Idempotent.
   */
  async remove(id: EngineImageId): Promise<boolean> {
    return this.#db.transaction().execute(async (transaction) => {
      const row = await transaction
        .deleteFrom("builds")
        .where("id", "=", id)
        .returning(["status", "image"])
        .executeTakeFirst();
      if (row === undefined || !isUnpublished(row)) return false;
      await transaction
        .insertInto("image_removals")
        .values({ id })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
      return true;
    });
  }

  /** What sandboxes of a published version get unless they ask for something else. */
  async setImageRuntime(id: EngineImageId, runtime: ImageRuntime): Promise<void> {
    await this.#db
      .insertInto("image_runtimes")
      .values({ id, runtime: JSON.stringify(runtime) })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }

  async imageRuntime(id: EngineImageId): Promise<ImageRuntime> {
    const row = await this.#db.selectFrom("image_runtimes").select("runtime").where("id", "=", id).executeTakeFirst();
    return JSON.parse(row?.runtime ?? "{}") as ImageRuntime;
  }
}

type BuildRow = Selectable<BuildsTable>;

function toRow(record: BuildRecord): BuildRow {
  return {
    id: record.id,
    workspace: record.workspace,
    kind: record.kind,
    name: record.name,
    sandbox_id: record.sandboxId ?? null,
    status: record.status,
    runtime: JSON.stringify(record.runtime),
    upload_hash: record.uploadHash ?? null,
    upload_expires_at_ms: record.uploadExpiresAtMs,
    image: record.image ?? null,
    failure: record.failure === undefined ? null : JSON.stringify(record.failure),
    created_by: record.createdBy ?? null,
    created_at_ms: record.createdAtMs,
    received_at_ms: record.receivedAtMs ?? null,
    ended_at_ms: record.endedAtMs ?? null,
  };
}

/** Rows are only ever written by `toRow`, so what they hold is trusted, not parsed again. */
function fromRow(row: BuildRow): BuildRecord {
  return {
    id: row.id as EngineImageId,
    workspace: row.workspace as WorkspaceName,
    kind: row.kind as BuildKind,
    name: row.name,
    sandboxId: (row.sandbox_id ?? undefined) as SandboxId | undefined,
    status: row.status as BuildStatus,
    runtime: JSON.parse(row.runtime) as ImageRuntime,
    uploadHash: row.upload_hash ?? undefined,
    uploadExpiresAtMs: row.upload_expires_at_ms,
    image: row.image ?? undefined,
    failure: row.failure === null ? undefined : (JSON.parse(row.failure) as BuildFailure),
    createdBy: row.created_by ?? undefined,
    createdAtMs: row.created_at_ms,
    receivedAtMs: row.received_at_ms ?? undefined,
    endedAtMs: row.ended_at_ms ?? undefined,
  };
}
