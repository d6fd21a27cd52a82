import type { SandboxAnswer, SandboxCreateRequest } from "@dormouse/schema";
import type { Client } from "./client.ts";
import { type Page, type PageQuery, listPage } from "./pages.ts";
import { path } from "./paths.ts";

export interface SandboxQuery extends PageQuery {
  /** Part of a name, display name or label. */
  readonly q?: string;
  readonly sort?: string;
  /** Comma-separated. */
  readonly status?: string;
}

/** What a client may leave out, since the server has a default for it. */
type Sparse<T> = T extends readonly (infer Item)[]
  ? Sparse<Item>[]
  : T extends object
    ? { [K in keyof T]?: Sparse<T[K]> }
    : T;

export type NewSandbox = Sparse<SandboxCreateRequest>;

export const listSandboxes = (client: Client, query: SandboxQuery = {}): Promise<Page<SandboxAnswer>> =>
  listPage(client, "/sandboxes", { ...query });

export const getSandbox = (client: Client, name: string): Promise<SandboxAnswer> =>
  client.request("GET", path`/sandboxes/${name}`);

/** Answers when the sandbox serves its API. */
export const createSandbox = (client: Client, sandbox: NewSandbox): Promise<SandboxAnswer> =>
  client.request("POST", "/sandboxes", { body: sandbox });

/** `sandbox` is what a GET gave, changed. */
export const updateSandbox = (client: Client, name: string, sandbox: unknown): Promise<SandboxAnswer> =>
  client.request("PUT", path`/sandboxes/${name}`, { body: sandbox });

export const deleteSandbox = (client: Client, name: string): Promise<SandboxAnswer> =>
  client.request("DELETE", path`/sandboxes/${name}`);

/** Where the API of a sandbox is. */
export const sandboxUrl = ({ runUrl, workspace }: Client, sandbox: SandboxAnswer): string =>
  sandbox.metadata.url === "" ? runUrl + path`/${workspace}/sandboxes/${sandbox.metadata.name}` : sandbox.metadata.url;

/** A client of the API inside a sandbox, which wakes with its first request. @throws {ApiError} when there is none. */
export async function openSandbox(client: Client, name: string): Promise<Client> {
  return client.at(sandboxUrl(client, await getSandbox(client, name)));
}
