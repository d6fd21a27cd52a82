import { AppError } from "@dormouse/kernel";
import {
  ApiError,
  getPreview,
  getProcess,
  getSandbox,
  listPreviews,
  listPreviewTokens,
  listProcesses,
  openSandbox,
} from "@dormouse/sdk";
import type { Context } from "../context.ts";
import { printItems, printOneRaw, printRaw } from "../output/render.ts";
import type { Item, Resource } from "../resources/resource.ts";
import { ONE_PREVIEW, ONE_PROCESS, PREVIEW, PREVIEW_TOKEN, PROCESS, SANDBOX } from "../resources/table.ts";
import { type ListOptions, isForPeople, printList } from "./list.ts";
import { type WatchOptions, watched } from "./watch.ts";

export const PROCESS_WORDS = ["process", "processes", "proc", "procs", "ps"];
export const PREVIEW_WORDS = ["preview", "previews", "pv"];
export const TOKEN_WORDS = ["token", "tokens", "pvt"];

/** `get sandboxes [name] [process|preview …]` */
export const getSandboxes = (
  context: Context,
  name: string | undefined,
  nested: readonly string[],
  options: ListOptions & WatchOptions,
): Promise<void> => watched(context, options, (shown) => printSandboxes(shown, { name, nested, options }));

interface Wanted {
  readonly name: string | undefined;
  readonly nested: readonly string[];
  readonly options: ListOptions;
}

async function printSandboxes(context: Context, { name, nested, options }: Wanted): Promise<void> {
  if (name === undefined) {
    return printList(context, { resource: SANDBOX, path: "/sandboxes", command: "get sandboxes" }, options);
  }
  const [word, ...rest] = nested;
  if (word === undefined)
    return printItems(context, SANDBOX, [await named(`Sandbox:${name}`, getSandbox(context.client, name))]);
  if (PROCESS_WORDS.includes(word)) return printProcesses(context, name, rest[0]);
  if (PREVIEW_WORDS.includes(word)) return printPreviews(context, name, rest);
  throw new AppError("INVALID_ARGUMENT", `Cannot get "${word}" of a sandbox: there is no such thing`, {
    hint: "A sandbox has processes and previews, a preview has tokens",
  });
}

async function printProcesses(context: Context, sandbox: string, process: string | undefined): Promise<void> {
  const inside = await named(`Sandbox:${sandbox}`, openSandbox(context.client, sandbox));
  if (process !== undefined) {
    return printOneRaw(context, ONE_PROCESS, await named(`Process:${process}`, getProcess(inside, process)));
  }
  await printNested(context, PROCESS, { items: await listProcesses(inside), owner: `sandbox ${sandbox}` });
}

async function printPreviews(
  context: Context,
  sandbox: string,
  [preview, word, token]: readonly string[],
): Promise<void> {
  const { client } = context;
  if (preview === undefined) {
    const { data } = await named(`Sandbox:${sandbox}`, listPreviews(client, sandbox));
    return printNested(context, PREVIEW, { items: data, owner: `sandbox ${sandbox}` });
  }
  const place = { sandbox, preview };
  if (word === undefined)
    return printOneRaw(context, ONE_PREVIEW, await named(`Preview:${preview}`, getPreview(client, place)));
  if (!TOKEN_WORDS.includes(word)) {
    throw new AppError("INVALID_ARGUMENT", `Cannot get "${word}" of a preview: there is no such thing`, {
      hint: "A preview has tokens",
    });
  }
  const { data } = await named(`Preview:${preview}`, listPreviewTokens(client, place));
  if (token === undefined) return printNested(context, PREVIEW_TOKEN, { items: data, owner: `preview ${preview}` });
  const found = data.find(({ metadata }) => metadata.name === token);
  if (found !== undefined) return printOneRaw(context, PREVIEW_TOKEN, found);
  throw new AppError("PREVIEW_TOKEN_NOT_FOUND", `Resource PreviewToken:${token} error: the preview has no such token`);
}

async function printNested(
  context: Context,
  resource: Resource,
  { items, owner }: { readonly items: readonly Item[]; readonly owner: string },
): Promise<void> {
  if (items.length === 0 && isForPeople(context)) return context.say.info(`No ${resource.plural} found for ${owner}`);
  await printRaw(context, resource, items);
}

/** The failure of one thing says which. */
export async function named<T>(label: string, call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof ApiError) error.message = `Resource ${label} error: ${error.message}`;
    throw error;
  }
}
