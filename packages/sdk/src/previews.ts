import type { PreviewAnswer, PreviewTokenAnswer } from "@dormouse/schema";
import type { Client } from "./client.ts";
import { type Page, listPage } from "./pages.ts";
import { path } from "./paths.ts";

export interface PreviewPlace {
  readonly sandbox: string;
  readonly preview: string;
}

export const listPreviews = (client: Client, sandbox: string): Promise<Page<PreviewAnswer>> =>
  listPage(client, path`/sandboxes/${sandbox}/previews`);

export const getPreview = (client: Client, { sandbox, preview }: PreviewPlace): Promise<PreviewAnswer> =>
  client.request("GET", path`/sandboxes/${sandbox}/previews/${preview}`);

export const createPreview = (client: Client, sandbox: string, preview: unknown): Promise<PreviewAnswer> =>
  client.request("POST", path`/sandboxes/${sandbox}/previews`, { body: preview });

export const updatePreview = (client: Client, place: PreviewPlace, preview: unknown): Promise<PreviewAnswer> =>
  client.request("PUT", path`/sandboxes/${place.sandbox}/previews/${place.preview}`, { body: preview });

export const deletePreview = (client: Client, { sandbox, preview }: PreviewPlace): Promise<PreviewAnswer> =>
  client.request("DELETE", path`/sandboxes/${sandbox}/previews/${preview}`);

export const listPreviewTokens = (
  client: Client,
  { sandbox, preview }: PreviewPlace,
): Promise<Page<PreviewTokenAnswer>> => listPage(client, path`/sandboxes/${sandbox}/previews/${preview}/tokens`);

export const createPreviewToken = (
  client: Client,
  { sandbox, preview }: PreviewPlace,
  token: unknown,
): Promise<PreviewTokenAnswer> =>
  client.request("POST", path`/sandboxes/${sandbox}/previews/${preview}/tokens`, { body: token });

export const deletePreviewToken = (
  client: Client,
  { sandbox, preview }: PreviewPlace,
  token: string,
): Promise<unknown> => client.request("DELETE", path`/sandboxes/${sandbox}/previews/${preview}/tokens/${token}`);
