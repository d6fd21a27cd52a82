import { AppError } from "@dormouse/kernel";
import type { Client } from "./client.ts";

export interface PageQuery {
  /** 1 to 200. */
  readonly limit?: number;
  readonly cursor?: string;
}

export interface Page<T> {
  readonly data: readonly T[];
  readonly meta: { readonly hasMore?: boolean; readonly nextCursor?: string; readonly total?: number };
}

/** One page of a list. Lists that have no pages are a single one. */
export async function listPage<T>(
  client: Client,
  path: string,
  query: PageQuery & Record<string, string | number | undefined> = {},
): Promise<Page<T>> {
  const answer = await client.request<Page<T> | readonly T[]>("GET", path, { query });
  if (isBare(answer)) return { data: answer, meta: { total: answer.length } };
  if (Array.isArray((answer as Partial<Page<T>> | undefined)?.data)) return answer;
  throw new AppError("UPSTREAM_UNREACHABLE", `Cannot list ${client.apiUrl}${path}: the answer is no list`, {
    hint: "Is this the address of the API? It ends in /v0",
  });
}

const isBare = <T>(answer: Page<T> | readonly T[]): answer is readonly T[] => Array.isArray(answer);

/** Every entry of a list, page by page. */
export async function* listAll<T>(client: Client, path: string, query: PageQuery = {}): AsyncGenerator<Page<T>> {
  let cursor = query.cursor;
  do {
    const page: Page<T> = await listPage<T>(client, path, { ...query, ...(cursor !== undefined && { cursor }) });
    yield page;
    cursor = page.meta.nextCursor === "" ? undefined : page.meta.nextCursor;
  } while (cursor !== undefined);
}
