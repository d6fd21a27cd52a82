import { AppError } from "@dormouse/kernel";
import { path } from "@dormouse/sdk";
import type { ResourceDocument } from "./resource-files.ts";

/** Where a resource lives in the API. */
export interface ResourcePlace {
  readonly name: string;
  /** Takes a `POST`. */
  readonly collection: string;
  /** Takes `PUT` and `DELETE`; tokens of previews are only made and removed. */
  readonly item: string;
  /** Some are created before they are tried to be changed. */
  readonly isCreatedFirst: boolean;
}

const COLLECTIONS: Readonly<Record<string, string>> = {
  Sandbox: "/sandboxes",
  Application: "/sandboxes",
  Volume: "/volumes",
  VolumeTemplate: "/volume_templates",
  CustomDomain: "/customdomains",
  Drive: "/drives",
};

/** @throws {AppError} INVALID_ARGUMENT for a kind this server has none of, or metadata that is missing */
export function placeOf({ kind, metadata }: ResourceDocument): ResourcePlace {
  const name = metadata.name ?? "";
  const collection = collectionOf(kind, metadata);
  if (name === "" && kind !== "PreviewToken") throw missing(kind, "metadata.name");
  return { name, collection, item: collection + path`/${name}`, isCreatedFirst: COLLECTIONS[kind] === "/sandboxes" };
}

function collectionOf(kind: string, { resourceName, previewName }: ResourceDocument["metadata"]): string {
  const known = COLLECTIONS[kind];
  if (known !== undefined) return known;
  if (kind !== "Preview" && kind !== "PreviewToken") {
    throw new AppError("INVALID_ARGUMENT", `Cannot use the kind "${kind}": this command line knows none of it`, {
      hint: `The kinds are ${[...Object.keys(COLLECTIONS), "Preview", "PreviewToken"].join(", ")}`,
    });
  }
  if (resourceName === undefined) throw missing(kind, "metadata.resourceName, the sandbox");
  const previews = path`/sandboxes/${resourceName}/previews`;
  if (kind === "Preview") return previews;
  if (previewName === undefined) throw missing(kind, "metadata.previewName");
  return previews + path`/${previewName}/tokens`;
}

const missing = (kind: string, what: string): AppError =>
  new AppError("INVALID_ARGUMENT", `Cannot use the ${kind}: it has no ${what}`);
