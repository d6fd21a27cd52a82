import type { Client } from "./client.ts";
import { path } from "./paths.ts";

export interface ImageTag {
  readonly name: string;
  readonly size?: number;
  readonly createdAt?: string;
  readonly updatedAt?: string;
}

export interface Image {
  readonly metadata: {
    readonly name: string;
    /** Such as `sandbox`. */
    readonly resourceType: string;
    readonly workspace?: string;
    readonly status?: string;
    readonly createdAt?: string;
    readonly updatedAt?: string;
    readonly lastDeployedAt?: string;
    readonly sourceWorkspace?: string;
    /** Oldest first. */
    readonly events?: readonly { readonly status?: string; readonly message?: string; readonly time?: string }[];
  };
  /** Sizes are in bytes. */
  readonly spec: { readonly size?: number; readonly tags?: readonly ImageTag[] };
}

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

/** What `DELETE /images` answers. */
export interface ImageCollection {
  readonly deleted?: number;
  readonly message?: string;
}

/** Removes the images that no sandbox uses. */
export const collectImages = (client: Client): Promise<ImageCollection> => client.request("DELETE", "/images");

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

/** One of the images everybody can use. */
export interface HubImage {
  readonly name: string;
  readonly displayName?: string;
  readonly image?: string;
  /** MB. */
  readonly memory?: number;
  readonly description?: string;
  readonly hidden?: boolean;
  readonly coming_soon?: boolean;
}

export const listHubImages = (client: Client): Promise<readonly HubImage[]> => client.request("GET", "/sandbox/hub");
