import {
  listImages,
  listPreviews,
  listPreviewTokens,
  listProcesses,
  listSandboxes,
  listVolumes,
  listVolumeTemplates,
  openSandbox,
} from "@dormouse/sdk";
import { readConfig } from "../config/config-file.ts";
import { type Context, openContext } from "../context.ts";
import { PREVIEW_WORDS, PROCESS_WORDS, TOKEN_WORDS } from "../get/get-sandboxes.ts";
import type { Io } from "../io.ts";
import type { GlobalOptions } from "../options.ts";

/** Where the cursor is: the command that was found, and the arguments it has already. */
export interface Position {
  /** As in `get sandboxes`. */
  readonly command: string;
  readonly words: readonly string[];
}

type Names = readonly string[] | Promise<readonly string[]>;

/** Names of things there are that may come next; the server is asked only where there is something to ask. */
export async function liveNames(
  io: Io,
  options: GlobalOptions,
  { command, words }: Position,
): Promise<readonly string[]> {
  if (["login", "logout", "token", "workspaces"].includes(command)) {
    return words.length === 0 ? readConfig(io.home).workspaces.map(({ name }) => name) : [];
  }
  const source = SOURCES[command];
  if (source === undefined) return [];
  return source(await openContext(io, options), words);
}

const sandboxes = async ({ client }: Context): Promise<string[]> =>
  (await listSandboxes(client, { limit: 200 })).data.map(({ metadata }) => metadata.name);

const processes = async ({ client }: Context, sandbox: string): Promise<string[]> =>
  (await listProcesses(await openSandbox(client, sandbox))).map(({ name }) => name);

const previews = async ({ client }: Context, sandbox: string): Promise<string[]> =>
  (await listPreviews(client, sandbox)).data.map(({ metadata }) => metadata.name);

const tokens = async ({ client }: Context, sandbox: string, preview: string): Promise<string[]> =>
  (await listPreviewTokens(client, { sandbox, preview })).data.map(({ metadata }) => metadata.name);

const volumes = async ({ client }: Context): Promise<string[]> =>
  (await listVolumes(client, { limit: 200 })).data.map(({ metadata }) => metadata.name);

const volumeTemplates = async ({ client }: Context): Promise<string[]> =>
  (await listVolumeTemplates(client)).data.map(({ metadata }) => metadata.name);

const images = async ({ client }: Context): Promise<string[]> =>
  (await listImages(client)).map(({ metadata }) => `${metadata.resourceType}/${metadata.name}`);

/** `sandbox NAME` and what follows the name. */
const typed =
  (after: (context: Context, words: readonly string[]) => Names) =>
  (context: Context, words: readonly string[]): Names => {
    if (words.length === 0) return ["sandbox"];
    return words.length === 1 ? sandboxes(context) : after(context, words.slice(1));
  };

const first =
  (names: (context: Context) => Names) =>
  (context: Context, words: readonly string[]): Names =>
    words.length === 0 ? names(context) : [];

function insideSandbox(context: Context, [sandbox = "", word = "", preview, next]: readonly string[]): Names {
  if (sandbox === "") return sandboxes(context);
  if (word === "") return ["process", "preview"];
  if (PROCESS_WORDS.includes(word)) return preview === undefined ? processes(context, sandbox) : [];
  if (!PREVIEW_WORDS.includes(word)) return [];
  if (preview === undefined) return previews(context, sandbox);
  if (next === undefined) return ["tokens"];
  return TOKEN_WORDS.includes(next) ? tokens(context, sandbox, preview) : [];
}

const SOURCES: Readonly<Record<string, (context: Context, words: readonly string[]) => Names>> = {
  "get sandboxes": insideSandbox,
  "delete sandboxes": insideSandbox,
  "get volumes": first(volumes),
  "delete volumes": volumes,
  "get volumetemplates": first(volumeTemplates),
  "delete volumetemplates": volumeTemplates,
  "get images": first(images),
  "delete images": images,
  connect: typed(() => []),
  run: typed(() => []),
  logs: typed((context, [name = "", ...rest]) => (rest.length === 0 ? processes(context, name) : [])),
  exec: first(sandboxes),
  forward: first(sandboxes),
  "image ls": first(images),
  "image rm": images,
  "share image": first(images),
  "unshare image": first(images),
  cp: async (context) => (await sandboxes(context)).map((name) => `${name}:`),
};
