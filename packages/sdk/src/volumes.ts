import type { VolumeAnswer, VolumeTemplateAnswer } from "@dormouse/schema";
import type { Client } from "./client.ts";
import { type Page, type PageQuery, listPage } from "./pages.ts";
import { path } from "./paths.ts";

export const listVolumes = (client: Client, query: PageQuery = {}): Promise<Page<VolumeAnswer>> =>
  listPage(client, "/volumes", { ...query });

export const getVolume = (client: Client, name: string): Promise<VolumeAnswer> =>
  client.request("GET", path`/volumes/${name}`);

export const createVolume = (client: Client, volume: unknown): Promise<VolumeAnswer> =>
  client.request("POST", "/volumes", { body: volume });

export const updateVolume = (client: Client, name: string, volume: unknown): Promise<VolumeAnswer> =>
  client.request("PUT", path`/volumes/${name}`, { body: volume });

export const deleteVolume = (client: Client, name: string): Promise<VolumeAnswer> =>
  client.request("DELETE", path`/volumes/${name}`);

export const listVolumeTemplates = (client: Client): Promise<Page<VolumeTemplateAnswer>> =>
  listPage(client, "/volume_templates");

export const getVolumeTemplate = (client: Client, name: string): Promise<VolumeTemplateAnswer> =>
  client.request("GET", path`/volume_templates/${name}`);

export const deleteVolumeTemplate = (client: Client, name: string): Promise<VolumeTemplateAnswer> =>
  client.request("DELETE", path`/volume_templates/${name}`);
