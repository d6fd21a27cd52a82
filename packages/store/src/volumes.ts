import { AppError } from "@dormouse/kernel";
import type {
  ResourceEvent,
  SandboxId,
  SandboxName,
  VolumeId,
  VolumeListQuery,
  VolumeName,
  VolumeStatus,
  WorkspaceName,
} from "@dormouse/schema";
import type { Kysely, Selectable } from "kysely";
import { encodeCursor, readingOrder, startAfter } from "./cursor.ts";
import { matchesWords } from "./search-text.ts";
import type { Tables, VolumesTable } from "./tables.ts";
import type { Page } from "./page.ts";

export interface VolumeRecord {
  /** Also its id on the engine. A recreated volume has a new one. */
  readonly id: VolumeId;
  readonly workspace: WorkspaceName;
  readonly name: VolumeName;
  readonly displayName: string | undefined;
  readonly externalId: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly sizeMb: number;
  readonly region: string | undefined;
  /** `name:version` of what it was made of. */
  readonly template: string | undefined;
  readonly status: VolumeStatus;
  /** The sandbox that has it. */
  readonly attachedTo: { readonly id: SandboxId; readonly name: SandboxName } | undefined;
  /** Oldest first; only the newest are kept. */
  readonly events: readonly ResourceEvent[];
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

/** Columns a later write may change. */
export type VolumeChange = Partial<
  Pick<VolumeRecord, "displayName" | "externalId" | "labels" | "sizeMb" | "status">
> & {
  readonly updatedAtMs: number;
  /** What happened, if it is to be remembered. */
  readonly event?: ResourceEvent | undefined;
};

/** Reads of a volume also tell the name of the sandbox that has it. */
type VolumeRow = Selectable<VolumesTable> & { readonly attached_name: string | null };

const EVENTS_MAX_COUNT = 100;

/** Rows of `volumes`. */
export class VolumeRepository {
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  /** @throws {AppError} VOLUME_ALREADY_EXISTS */
  async insert(record: VolumeRecord): Promise<void> {
    const inserted = await this.#db
      .insertInto("volumes")
      .values(toRow(record))
      .onConflict((conflict) => conflict.doNothing())
      .returning("id")
      .executeTakeFirst();
    if (inserted !== undefined) return;
    throw new AppError("VOLUME_ALREADY_EXISTS", `Cannot create volume "${record.name}": the name is taken`, {
      hint: "Choose another name, or use the volume that has it",
    });
  }

  async find(workspace: WorkspaceName, name: string): Promise<VolumeRecord | undefined> {
    const row = await selectVolumes(this.#db)
      .where("workspace", "=", workspace)
      .where("name", "=", name)
      .executeTakeFirst();
    return row && fromRow(row);
  }

  /** The newest one: external ids need not be unique. */
  async findByExternalId(workspace: WorkspaceName, externalId: string): Promise<VolumeRecord | undefined> {
    const row = await selectVolumes(this.#db)
      .where("workspace", "=", workspace)
      .where("external_id", "=", externalId)
      .orderBy("created_at_ms", "desc")
      .orderBy("id", "desc")
      .limit(1)
      .executeTakeFirst();
    return row && fromRow(row);
  }

  /** Without `query.limit` all of them. @throws {AppError} INVALID_ARGUMENT for a cursor of another list, or an old one. */
  async list(workspace: WorkspaceName, query: VolumeListQuery, nowMs: number): Promise<Page<VolumeRecord>> {
    let matching = selectVolumes(this.#db).where("workspace", "=", workspace);
    if (query.externalId !== undefined) matching = matching.where("external_id", "=", query.externalId);
    if (query.q !== undefined) matching = matching.where(matchesWords(query.q));
    const { count } = await matching
      .clearSelect()
      .select((eb) => eb.fn.countAll<number>().as("count"))
      .executeTakeFirstOrThrow();
    const { column, direction } = readingOrder(query);
    let page = matching.orderBy(column, direction).orderBy("id", direction);
    if (query.cursor !== undefined) page = page.where(startAfter(query, query.cursor, nowMs));
    if (query.limit !== undefined) page = page.limit(query.limit + 1);
    const rows = await page.execute();
    const shown = rows.slice(0, query.limit);
    const last = rows.length > shown.length ? shown.at(-1) : undefined;
    return { records: shown.map(fromRow), nextCursor: last && encodeCursor(query, last, nowMs), totalCount: count };
  }

  async listAttachedTo(sandboxId: SandboxId): Promise<VolumeRecord[]> {
    const rows = await selectVolumes(this.#db).where("attached_to", "=", sandboxId).execute();
    return rows.map(fromRow);
  }

  /** Of every workspace, those whose creation or deletion has not come to its end. */
  async unsettled(): Promise<VolumeRecord[]> {
    const rows = await selectVolumes(this.#db).where("status", "!=", "DEPLOYED").execute();
    return rows.map(fromRow);
  }

  /** The changed record; `undefined` if it is gone. */
  async change(id: VolumeId, { event, ...change }: VolumeChange): Promise<VolumeRecord | undefined> {
    return this.#db.transaction().execute(async (transaction) => {
      const row = await selectVolumes(transaction).where("id", "=", id).forUpdate().executeTakeFirst();
      if (row === undefined) return undefined;
      const current = fromRow(row);
      const events = event === undefined ? current.events : [...current.events, event];
      const changed = { ...current, ...change, events };
      /* Who has it is none of this call's business, and may change at the same time. */
      const { attached_to: _attachedTo, ...columns } = toRow(changed);
      await transaction.updateTable("volumes").set(columns).where("id", "=", id).execute();
      return changed;
    });
  }

  /** Gives a sandbox all these volumes or none. @throws {AppError} VOLUME_IN_USE when one of them is not free any more */
  async attach(sandboxId: SandboxId, ids: readonly VolumeId[], event: ResourceEvent): Promise<void> {
    await this.#db.transaction().execute(async (transaction) => {
      /* In one order always: two that want the same volumes must not wait for each other. */
      for (const id of ids.toSorted()) {
        const row = await selectVolumes(transaction).where("id", "=", id).forUpdate().executeTakeFirst();
        const attached = await transaction
          .updateTable("volumes")
          .set({ attached_to: sandboxId, ...withEvent(row, event) })
          .where("id", "=", id)
          .where("attached_to", "is", null)
          .where("status", "=", "DEPLOYED")
          .returning("id")
          .executeTakeFirst();
        if (attached !== undefined) continue;
        throw new AppError("VOLUME_IN_USE", `Cannot attach volume "${row?.name ?? id}": it is not free any more`, {
          hint: "A volume belongs to one sandbox at a time",
        });
      }
    });
  }

  /** Frees the volumes of a sandbox. Idempotent; a sandbox whose record is removed has none either. */
  async release(sandboxId: SandboxId, event: ResourceEvent): Promise<void> {
    await this.#db.transaction().execute(async (transaction) => {
      const rows = await selectVolumes(transaction).where("attached_to", "=", sandboxId).forUpdate().execute();
      for (const row of rows) {
        await transaction
          .updateTable("volumes")
          .set({ attached_to: null, ...withEvent(row, event) })
          .where("id", "=", row.id)
          .where("attached_to", "=", sandboxId)
          .execute();
      }
    });
  }

  /** From then on no sandbox can have it. False while one does. */
  async markDeleting(id: VolumeId, updatedAtMs: number): Promise<boolean> {
    const marked = await this.#db
      .updateTable("volumes")
      .set({ status: "DELETING", updated_at_ms: updatedAtMs })
      .where("id", "=", id)
      .where("attached_to", "is", null)
      .returning("id")
      .executeTakeFirst();
    return marked !== undefined;
  }

  /** Idempotent. */
  async remove(id: VolumeId): Promise<void> {
    await this.#db.deleteFrom("volumes").where("id", "=", id).execute();
  }
}

const selectVolumes = (db: Kysely<Tables>) =>
  db
    .selectFrom("volumes")
    .selectAll("volumes")
    .select((eb) =>
      eb
        .selectFrom("sandboxes")
        .select("sandboxes.name")
        .whereRef("sandboxes.id", "=", "volumes.attached_to")
        .as("attached_name"),
    );

function withEvent(row: VolumeRow | undefined, event: ResourceEvent): { events: string } | object {
  return row === undefined ? {} : { events: eventsColumn([...fromRow(row).events, event]) };
}

const eventsColumn = (events: readonly ResourceEvent[]): string => JSON.stringify(events.slice(-EVENTS_MAX_COUNT));

function toRow(record: VolumeRecord): Selectable<VolumesTable> {
  const words = [record.name, record.displayName ?? "", ...Object.entries(record.labels).flat()];
  return {
    id: record.id,
    workspace: record.workspace,
    name: record.name,
    display_name: record.displayName ?? null,
    external_id: record.externalId ?? null,
    labels: JSON.stringify(record.labels),
    size_mb: record.sizeMb,
    region: record.region ?? null,
    template: record.template ?? null,
    status: record.status,
    attached_to: record.attachedTo?.id ?? null,
    events: eventsColumn(record.events),
    search_text: words.join("\n").toLowerCase(),
    created_at_ms: record.createdAtMs,
    updated_at_ms: record.updatedAtMs,
  };
}

/** Rows are only ever written by `toRow`, so what they hold is trusted, not parsed again. */
function fromRow(row: VolumeRow): VolumeRecord {
  const { attached_to: attachedId, attached_name: attachedName } = row;
  return {
    id: row.id as VolumeId,
    workspace: row.workspace as WorkspaceName,
    name: row.name as VolumeName,
    displayName: row.display_name ?? undefined,
    externalId: row.external_id ?? undefined,
    labels: JSON.parse(row.labels) as Record<string, string>,
    sizeMb: row.size_mb,
    region: row.region ?? undefined,
    template: row.template ?? undefined,
    status: row.status as VolumeStatus,
    attachedTo:
      attachedId === null || attachedName === null
        ? undefined
        : { id: attachedId as SandboxId, name: attachedName as SandboxName },
    events: JSON.parse(row.events) as ResourceEvent[],
    createdAtMs: row.created_at_ms,
    updatedAtMs: row.updated_at_ms,
  };
}
