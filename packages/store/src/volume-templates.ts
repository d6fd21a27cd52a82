import { AppError } from "@dormouse/kernel";
import type {
  TemplateVersionName,
  TemplateVersionStatus,
  VolumeId,
  VolumeTemplateName,
  WorkspaceName,
} from "@dormouse/schema";
import type { Kysely, Selectable } from "kysely";
import type { Tables, VolumeTemplatesTable, VolumeTemplateVersionsTable } from "./tables.ts";

export interface VolumeTemplateRecord {
  readonly id: string;
  readonly workspace: WorkspaceName;
  readonly name: VolumeTemplateName;
  readonly displayName: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly defaultSizeMb: number;
  readonly description: string | undefined;
  readonly isDeleting: boolean;
  /** Oldest first. */
  readonly versions: readonly TemplateVersionRecord[];
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

export interface TemplateVersionRecord {
  /** Also the id on the engine of the volume that holds its content. */
  readonly id: VolumeId;
  readonly templateId: string;
  readonly name: TemplateVersionName;
  readonly status: TemplateVersionStatus;
  /** Why it failed. */
  readonly error: string | undefined;
  readonly contentBytes: number | undefined;
  /** SHA-256 in hex of the secret in the address of its upload; `undefined` once that is used or void. */
  readonly uploadHash: string | undefined;
  readonly uploadExpiresAtMs: number;
  /** When it became ready. */
  readonly uploadedAtMs: number | undefined;
  readonly createdAtMs: number;
}

export type VolumeTemplateChange = Pick<
  VolumeTemplateRecord,
  "displayName" | "labels" | "defaultSizeMb" | "description" | "updatedAtMs"
>;

/** How a version ended. */
export type TemplateVersionOutcome =
  | { readonly status: "READY"; readonly contentBytes: number; readonly uploadedAtMs: number }
  | { readonly status: "FAILED"; readonly error: string };

/** Rows of `volume_templates` and `volume_template_versions`. */
export class VolumeTemplateRepository {
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  /** Without its versions. @throws {AppError} VOLUME_TEMPLATE_ALREADY_EXISTS */
  async insert(record: VolumeTemplateRecord): Promise<void> {
    const inserted = await this.#db
      .insertInto("volume_templates")
      .values(toRow(record))
      .onConflict((conflict) => conflict.doNothing())
      .returning("id")
      .executeTakeFirst();
    if (inserted !== undefined) return;
    throw new AppError(
      "VOLUME_TEMPLATE_ALREADY_EXISTS",
      `Cannot create volume template "${record.name}": the name is taken`,
      { hint: "Choose another name, or update the template that has it" },
    );
  }

  async find(workspace: WorkspaceName, name: string): Promise<VolumeTemplateRecord | undefined> {
    const row = await this.#db
      .selectFrom("volume_templates")
      .selectAll()
      .where("workspace", "=", workspace)
      .where("name", "=", name)
      .executeTakeFirst();
    return row && fromRow(row, await this.#versionsOf([row.id]));
  }

  /** By name. */
  async list(workspace: WorkspaceName): Promise<VolumeTemplateRecord[]> {
    const rows = await this.#db
      .selectFrom("volume_templates")
      .selectAll()
      .where("workspace", "=", workspace)
      .orderBy("name")
      .execute();
    return this.#withVersions(rows);
  }

  /** Of every workspace, those that are being deleted, or have a version that is or whose unpacking has not come to its end. */
  async unsettled(): Promise<VolumeTemplateRecord[]> {
    const rows = await this.#db
      .selectFrom("volume_templates")
      .selectAll()
      .where((eb) =>
        eb.or([
          eb("is_deleting", "=", 1),
          eb(
            "id",
            "in",
            eb
              .selectFrom("volume_template_versions")
              .select("template_id")
              .where("status", "in", ["UNPACKING", "DELETING"]),
          ),
        ]),
      )
      .execute();
    return this.#withVersions(rows);
  }

  async change(id: string, change: VolumeTemplateChange): Promise<void> {
    await this.#db
      .updateTable("volume_templates")
      .set({
        display_name: change.displayName ?? null,
        labels: JSON.stringify(change.labels),
        default_size_mb: change.defaultSizeMb,
        description: change.description ?? null,
        updated_at_ms: change.updatedAtMs,
      })
      .where("id", "=", id)
      .execute();
  }

  /** From then on no version can be added, uploaded or used. */
  async markDeleting(id: string): Promise<void> {
    await this.#db.updateTable("volume_templates").set({ is_deleting: 1 }).where("id", "=", id).execute();
  }

  /** With its versions. Idempotent. */
  async remove(id: string): Promise<void> {
    await this.#db.deleteFrom("volume_templates").where("id", "=", id).execute();
  }

  /** @throws {AppError} VOLUME_TEMPLATE_ALREADY_EXISTS when the template has a version of that name */
  async insertVersion(version: TemplateVersionRecord): Promise<void> {
    const inserted = await this.#db
      .insertInto("volume_template_versions")
      .values(toVersionRow(version))
      .onConflict((conflict) => conflict.doNothing())
      .returning("id")
      .executeTakeFirst();
    if (inserted !== undefined) return;
    throw new AppError("VOLUME_TEMPLATE_ALREADY_EXISTS", `Cannot add version "${version.name}": the template has it`, {
      hint: "Choose another version",
    });
  }

  /** The version whose upload this secret opens, for the one caller who gets it; then the secret opens nothing any more. */
  async claimUpload(
    uploadHash: string,
    nowMs: number,
  ): Promise<{ template: VolumeTemplateRecord; version: TemplateVersionRecord } | undefined> {
    const claimed = await this.#db
      .updateTable("volume_template_versions")
      .set({ upload_hash: null, status: "UNPACKING" })
      .where("upload_hash", "=", uploadHash)
      .where("upload_expires_at_ms", ">", nowMs)
      .where("status", "=", "CREATED")
      .returningAll()
      .executeTakeFirst();
    if (claimed === undefined) return undefined;
    const row = await this.#db
      .selectFrom("volume_templates")
      .selectAll()
      .where("id", "=", claimed.template_id)
      .where("is_deleting", "=", 0)
      .executeTakeFirst();
    return row && { template: fromRow(row, []), version: fromVersionRow(claimed) };
  }

  /** False when the version is gone, or being deleted. */
  async finishVersion(id: VolumeId, outcome: TemplateVersionOutcome): Promise<boolean> {
    const finished = await this.#db
      .updateTable("volume_template_versions")
      .set(
        outcome.status === "READY"
          ? { status: "READY", content_bytes: outcome.contentBytes, uploaded_at_ms: outcome.uploadedAtMs }
          : { status: "FAILED", error: outcome.error, upload_hash: null },
      )
      .where("id", "=", id)
      .where("status", "=", "UNPACKING")
      .returning("id")
      .executeTakeFirst();
    return finished !== undefined;
  }

  /** Versions nobody has uploaded in time have failed. */
  async failExpiredUploads(nowMs: number, error: string): Promise<void> {
    await this.#db
      .updateTable("volume_template_versions")
      .set({ status: "FAILED", error, upload_hash: null })
      .where("status", "=", "CREATED")
      .where("upload_expires_at_ms", "<=", nowMs)
      .execute();
  }

  /** From then on it is not used, and its upload is void. */
  async markVersionDeleting(id: VolumeId): Promise<void> {
    await this.#db
      .updateTable("volume_template_versions")
      .set({ status: "DELETING", upload_hash: null })
      .where("id", "=", id)
      .execute();
  }

  /** Idempotent. */
  async removeVersion(id: VolumeId): Promise<void> {
    await this.#db.deleteFrom("volume_template_versions").where("id", "=", id).execute();
  }

  async #withVersions(rows: readonly TemplateRow[]): Promise<VolumeTemplateRecord[]> {
    const versions = await this.#versionsOf(rows.map(({ id }) => id));
    return rows.map((row) => fromRow(row, versions));
  }

  async #versionsOf(templateIds: readonly string[]): Promise<TemplateVersionRecord[]> {
    if (templateIds.length === 0) return [];
    const rows = await this.#db
      .selectFrom("volume_template_versions")
      .selectAll()
      .where("template_id", "in", templateIds)
      .orderBy("created_at_ms")
      .orderBy("id")
      .execute();
    return rows.map(fromVersionRow);
  }
}

type TemplateRow = Selectable<VolumeTemplatesTable>;
type VersionRow = Selectable<VolumeTemplateVersionsTable>;

function toRow(record: VolumeTemplateRecord): TemplateRow {
  return {
    id: record.id,
    workspace: record.workspace,
    name: record.name,
    display_name: record.displayName ?? null,
    labels: JSON.stringify(record.labels),
    default_size_mb: record.defaultSizeMb,
    description: record.description ?? null,
    is_deleting: record.isDeleting ? 1 : 0,
    created_at_ms: record.createdAtMs,
    updated_at_ms: record.updatedAtMs,
  };
}

/** Rows are only ever written by `toRow`, so what they hold is trusted, not parsed again. */
function fromRow(row: TemplateRow, versions: readonly TemplateVersionRecord[]): VolumeTemplateRecord {
  return {
    id: row.id,
    workspace: row.workspace as WorkspaceName,
    name: row.name as VolumeTemplateName,
    displayName: row.display_name ?? undefined,
    labels: JSON.parse(row.labels) as Record<string, string>,
    defaultSizeMb: row.default_size_mb,
    description: row.description ?? undefined,
    isDeleting: row.is_deleting === 1,
    versions: versions.filter(({ templateId }) => templateId === row.id),
    createdAtMs: row.created_at_ms,
    updatedAtMs: row.updated_at_ms,
  };
}

function toVersionRow(version: TemplateVersionRecord): VersionRow {
  return {
    id: version.id,
    template_id: version.templateId,
    name: version.name,
    status: version.status,
    error: version.error ?? null,
    content_bytes: version.contentBytes ?? null,
    upload_hash: version.uploadHash ?? null,
    upload_expires_at_ms: version.uploadExpiresAtMs,
    uploaded_at_ms: version.uploadedAtMs ?? null,
    created_at_ms: version.createdAtMs,
  };
}

function fromVersionRow(row: VersionRow): TemplateVersionRecord {
  return {
    id: row.id as VolumeId,
    templateId: row.template_id,
    name: row.name as TemplateVersionName,
    status: row.status as TemplateVersionStatus,
    error: row.error ?? undefined,
    contentBytes: row.content_bytes ?? undefined,
    uploadHash: row.upload_hash ?? undefined,
    uploadExpiresAtMs: row.upload_expires_at_ms,
    uploadedAtMs: row.uploaded_at_ms ?? undefined,
    createdAtMs: row.created_at_ms,
  };
}
