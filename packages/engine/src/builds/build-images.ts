import type { EngineImageId, RegistryCredentials } from "@dormouse/schema";
import type { DiffId } from "../images/store.ts";
import type { BuildLog } from "./build-log.ts";

export interface LayoutPlace {
  /** New or empty. */
  readonly layoutDir: string;
  readonly signal: AbortSignal;
}

export interface MadeLayout extends LayoutPlace {
  /** Content its maker has had before, which need not be in it. */
  readonly had?: ReadonlySet<DiffId>;
}

export interface ImagePull extends LayoutPlace {
  readonly reference: string;
  readonly credentials: RegistryCredentials;
  readonly log: BuildLog;
}

export interface PublicLayout {
  /** Differs where the content does. */
  readonly key: string;
  /** Into a new folder. @throws HOST_FULL */
  readonly write: (layoutDir: string) => Promise<void>;
}

/** The image store and the registries, as builds need them. */
export interface BuildImages {
  /** `docker.io/library/node:22-alpine` for `node:22-alpine`. @throws INVALID_IMAGE */
  fullName(reference: string): string;
  /** Whether it is a public image of this machine. */
  hasPublic(reference: string): boolean;
  /** @throws INVALID_IMAGE when there is no such public image */
  publicLayout(reference: string): PublicLayout;
  /** @throws INVALID_IMAGE, UNAUTHENTICATED, UPSTREAM_UNREACHABLE, TOO_LARGE, HOST_FULL */
  pull(pull: ImagePull): Promise<void>;
  /** Takes the image of a layout that nobody is to be believed in, under an id. @throws INVALID_IMAGE, TOO_LARGE, HOST_FULL */
  take(id: EngineImageId, place: MadeLayout): Promise<{ readonly sizeBytes: number }>;
  /** Those of the images that are there, with their layers for as long as it is not disposed of. */
  keep(ids: readonly EngineImageId[]): KeptImages;
  has(id: EngineImageId): boolean;
  /** Idempotent. */
  forget(id: EngineImageId): void;
}

export interface KeptImages extends Disposable {
  /** Of their layers. */
  readonly diffIds: ReadonlySet<DiffId>;
  has(id: EngineImageId): boolean;
  /** The same image under one more id. */
  again(kept: EngineImageId, id: EngineImageId): { readonly sizeBytes: number };
}
