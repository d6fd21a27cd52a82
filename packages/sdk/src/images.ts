import type { HubImageAnswer, ImageAnswer, ImageTagAnswer } from "@dormouse/schema";
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

/** The images that everybody can use. */
export const listHubImages = (client: Client): Promise<readonly HubImageAnswer[]> =>
  client.request("GET", "/sandbox/hub");
