import type { SandboxId, SandboxListQuery, SandboxStatus, WorkspaceName } from "@dormouse/schema";
import { expressionBuilder, sql, type Kysely, type SelectQueryBuilder } from "kysely";
import { matchesWords } from "./search-text.ts";
import type { Tables } from "./tables.ts";

type SandboxQuery = SelectQueryBuilder<Tables, "sandboxes", object>;

/** What clients see instead of the status of a record. */
export interface ShownStatuses {
  readonly statuses: ReadonlyMap<SandboxId, SandboxStatus>;
  /** Records in another status than these show their own. */
  readonly over: readonly SandboxStatus[];
}

/** A list's query, whose `status` goes by what is shown. */
export type SandboxFilter = SandboxListQuery & { readonly shown?: ShownStatuses | undefined };

/** In the text of the statement: only then is the index of live names used. */
export const TERMINATED = sql.lit("TERMINATED");

export function matchSandboxes(db: Kysely<Tables>, workspace: WorkspaceName, query: SandboxFilter): SandboxQuery {
  let matching = db.selectFrom("sandboxes").where("workspace", "=", workspace);
  if (query.status !== undefined) matching = matching.where(hasStatus(query.status, query.shown));
  else if (!query.showTerminated) matching = matching.where("status", "!=", TERMINATED);
  if (query.externalId !== undefined) matching = matching.where("external_id", "=", query.externalId);
  return query.q === undefined ? matching : matching.where(matchesWords(query.q));
}

function hasStatus(
  wanted: readonly SandboxStatus[],
  { statuses, over }: ShownStatuses = { statuses: new Map(), over: [] },
) {
  const eb = expressionBuilder<Tables, "sandboxes">();
  const isOfRecord = eb("status", "in", wanted);
  const laidOver = [...statuses.keys()];
  if (laidOver.length === 0) return isOfRecord;
  const isLaidOver = eb.and([eb("id", "in", laidOver), eb("status", "in", over)]);
  const matching = laidOver.filter((id) => wanted.includes(statuses.get(id) as SandboxStatus));
  const isShown = matching.length === 0 ? eb.lit(false) : eb.and([eb("id", "in", matching), isLaidOver]);
  return eb.or([isShown, eb.and([isOfRecord, eb.not(isLaidOver)])]);
}

export async function countOf(matching: SandboxQuery): Promise<number> {
  const { count } = await matching.select((eb) => eb.fn.countAll<number>().as("count")).executeTakeFirstOrThrow();
  return count;
}

/** Lists of one key have the same rows in all. */
export const listKey = (workspace: WorkspaceName, query: SandboxFilter): string => {
  const { status, shown, externalId, q, showTerminated } = query;
  return JSON.stringify([workspace, status, [...(shown?.statuses ?? [])], externalId, q, showTerminated]);
};
