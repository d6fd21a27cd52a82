import { type Page, type PageQuery, listPage } from "@dormouse/sdk";
import type { Context } from "../context.ts";
import { printItems } from "../output/render.ts";
import type { Item, Resource } from "../resources/resource.ts";

export interface ListOptions {
  readonly limit?: number;
  readonly cursor?: string;
  readonly all?: boolean;
}

/** Most that the API gives at once. */
const PAGE_LENGTH = 200;

/** Prints a list that comes in pages, newest first as the API has it. */
export async function printList(
  context: Context,
  listed: { readonly resource: Resource; readonly path: string; readonly command: string },
  options: ListOptions,
): Promise<void> {
  const { resource, path, command } = listed;
  const wanted = options.all === true ? Number.POSITIVE_INFINITY : (options.limit ?? PAGE_LENGTH);
  const { items, nextCursor, total } = await collect(context, { path, noun: resource.plural, wanted }, options.cursor);
  if (items.length === 0 && isForPeople(context)) return context.say.info(`No ${resource.plural} found`);
  await printItems(context, resource, items);
  if (nextCursor === undefined || !isForPeople(context)) return;
  const count = `Showing ${items.length} of ${total ?? "more"} ${resource.plural}.`;
  context.io.stderr.write(
    `${count} To see the next page run: ${context.io.program} ${command} --cursor ${nextCursor}\n`,
  );
}

/** False when a program reads the output. */
export const isForPeople = ({ options }: Context): boolean => options.output !== "json" && options.output !== "yaml";

interface Collected {
  readonly items: readonly Item[];
  readonly nextCursor: string | undefined;
  readonly total: number | undefined;
}

async function collect(
  context: Context,
  { path, noun, wanted }: { readonly path: string; readonly noun: string; readonly wanted: number },
  start: string | undefined,
): Promise<Collected> {
  const items: Item[] = [];
  let cursor = start;
  for (;;) {
    const query: PageQuery = {
      limit: Math.min(PAGE_LENGTH, wanted - items.length),
      ...(cursor !== undefined && { cursor }),
    };
    const page: Page<Item> = await listPage(context.client, path, { ...query });
    items.push(...page.data);
    const { nextCursor = "", total } = page.meta;
    if (nextCursor === "") return { items, nextCursor: undefined, total };
    if (items.length >= wanted) return { items, nextCursor, total };
    cursor = nextCursor;
    if (context.io.isTty.stderr) context.io.stderr.write(`\rFetching ${noun}... ${items.length}/${total ?? "?"}`);
  }
}
