import type { HubImageAnswer, ImageAnswer, ImageCleanupAnswer, ImageTagAnswer } from "@dormouse/schema";
import type { Client } from "./client.ts";
import { path } from "./paths.ts";

export type Image = ImageAnswer;
export type ImageTag = ImageTagAnswer;

export interface ImagePlace {
  readonly type: string;
  readonly name: string;
}

export const listImages = (client: Client): Promise<readonly Image[]> => client.request("GET", "/images");

export const getImage = (client: Client, { type, name }: ImagePlace): Promise<Image> =>
  client.request("GET", path`/images/${type}/${name}`);

/** Removes an image, or one tag of it when the name is `name:tag`. */
export const deleteImage = (client: Client, { type, name }: ImagePlace): Promise<unknown> =>
  client.request("DELETE", path`/images/${type}/${name}`);

/** Removes the images that no sandbox uses. */
export const collectImages = (client: Client): Promise<ImageCleanupAnswer> => client.request("DELETE", "/images");

/** True when the workspace belongs to another account, whose administrator has to accept it first. */
export async function shareImage(
  client: Client,
  { type, name }: ImagePlace,
  targetWorkspace: string,
): Promise<boolean> {
  const { status } = await client.exchange("POST", path`/images/${type}/${name}/share`, { body: { targetWorkspace } });
  return status === 202;
}

export const unshareImage = (client: Client, { type, name }: ImagePlace, targetWorkspace: string): Promise<unknown> =>
  client.request("DELETE", path`/images/${type}/${name}/share/${targetWorkspace}`);

/** The images that everybody can use. */
export const listHubImages = (client: Client): Promise<readonly HubImageAnswer[]> =>
  client.request("GET", "/sandbox/hub");
