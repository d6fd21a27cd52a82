import { mkdirSync } from "node:fs";
import { join, posix } from "node:path";
import type { EngineImageId } from "@dormouse/schema";
import { runCommand } from "../run-command.ts";
import { isOpaque } from "../syscalls.ts";
import { examineLayers } from "./examine.ts";
import { type BuiltImage, ImageConfig } from "./manifest.ts";
import {
  assertFits,
  choosePlatform,
  LAYER_MAX_COUNT,
  OciConfig,
  OciIndex,
  OciLayout,
  OciManifest,
  refuseImage,
} from "./oci.ts";
import type { DiffId, ImageStore } from "./store.ts";
import type { ToolBoxDeps } from "./tool-box.ts";
import { LAYER_LIMITS, type LayerBlob, type LayerLimits, unpackLayer } from "./unpack-layer.ts";

export interface ImageDeps extends ToolBoxDeps {
  readonly images: ImageStore;
}

export interface LayoutImport {
  /** An OCI layout with one image, or one for each of several platforms. */
  readonly layoutDir: string;
  readonly id: EngineImageId;
  readonly limits?: Partial<LayerLimits>;
  readonly signal?: AbortSignal;
  /** Content that whoever wrote the layout has had from this store: it need not be in there again. */
  readonly had?: ReadonlySet<DiffId>;
}

/**
 * Puts the image into the store under its id, sharing every layer that is there already. Content is what its digests say, or nothing of
 * it is used: who only names another's layer does not get it.
 * @throws INVALID_IMAGE, TOO_LARGE, HOST_FULL; what `signal` says when it is aborted
 */
export async function importOciLayout(deps: ImageDeps, request: LayoutImport): Promise<BuiltImage> {
  const { layoutDir, id, signal = new AbortController().signal, had = new Set() } = request;
  const limits = { ...LAYER_LIMITS, ...request.limits };
  const { images } = deps;
  const layout = new OciLayout(layoutDir);
  const { manifest, config } = await readImage(layout);
  const layers: string[] = [];
  using holds = new DisposableStack();
  for (const [index, { digest }] of manifest.layers.entries()) {
    const diffId = config.rootfs.diff_ids[index] as DiffId;
    const known = had.has(diffId) ? images.layerOf(diffId) : undefined;
    if (known !== undefined) holds.use(images.hold([known]));
    const layer = known ?? (await addBlob(deps, { layout, digest, diffId, holds, limits, signal }));
    /* A root that hides everything below is nothing overlayfs knows. */
    if (isOpaque(images.layerDir(layer))) layers.length = 0;
    layers.unshift(layer);
  }
  const image: BuiltImage = {
    id,
    layers,
    ...(await examineLayers(layers.map((layer) => images.layerDir(layer)))),
    createdAtMs: Date.now(),
    config: imageConfig(config),
  };
  images.add(image);
  await syncFileSystem(images.layerDir("."));
  return image;
}

async function readImage(layout: OciLayout): Promise<{ manifest: OciManifest; config: OciConfig }> {
  let { manifests } = await layout.index();
  const [only] = manifests;
  if (manifests.length === 1 && only !== undefined && /index|list/.test(only.mediaType)) {
    ({ manifests } = await layout.json(OciIndex, only));
  }
  const chosen = manifests.length === 1 && manifests[0] !== undefined ? manifests[0] : choosePlatform(manifests);
  const manifest = await layout.json(OciManifest, chosen);
  const config = await layout.json(OciConfig, manifest.config);
  assertFits(config);
  const layerCount = manifest.layers.length;
  if (layerCount === 0) throw refuseImage("it has no files");
  if (layerCount > LAYER_MAX_COUNT) throw refuseImage(`it has ${layerCount} layers, the most is ${LAYER_MAX_COUNT}`);
  if (config.rootfs.diff_ids.length !== layerCount) throw refuseImage("its configuration is of another image");
  return { manifest, config };
}

interface LayerAddition {
  readonly blob: LayerBlob;
  /** Takes what keeps the layer until an image does. */
  readonly holds: DisposableStack;
  readonly limits: LayerLimits;
  readonly signal: AbortSignal;
}

interface BlobAddition extends Omit<LayerAddition, "blob"> {
  readonly layout: OciLayout;
  readonly digest: string;
  readonly diffId: DiffId;
}

async function addBlob(deps: ImageDeps, { layout, digest, diffId, ...addition }: BlobAddition): Promise<string> {
  await using file = await layout.blob(digest);
  return await addLayer(deps, { ...addition, blob: { file, digest, diffId } });
}

/** Under its name only when it is whole, verified and on the disk. */
async function addLayer(deps: ImageDeps, { blob, holds, limits, signal }: LayerAddition): Promise<string> {
  const { images } = deps;
  const known = images.layerOf(blob.diffId as DiffId);
  if (known !== undefined) {
    holds.use(images.hold([known]));
    await unpackLayer(deps, { blob, limits, signal });
    return known;
  }
  await using draft = images.newDraft();
  const rootDir = join(draft.dir, "layer");
  mkdirSync(rootDir);
  await unpackLayer(deps, { blob, rootDir, limits, signal });
  await syncFileSystem(rootDir);
  const name = blob.diffId.replace(":", "-");
  holds.use(images.hold([name]));
  images.addLayer(name, rootDir);
  return name;
}

const syncFileSystem = (folder: string): Promise<string> => runCommand(["sync", "--file-system", folder]);

function imageConfig({ config }: OciConfig): ImageConfig {
  const { Env, Entrypoint, Cmd, WorkingDir, User } = config ?? {};
  const env = (Env ?? []).map((variable): [string, string] => {
    const [name = "", ...value] = variable.split("=");
    return [name, value.join("=")];
  });
  return ImageConfig.parse({
    env: Object.fromEntries(env),
    entrypoint: Entrypoint ?? [],
    cmd: Cmd ?? [],
    workingDir: posix.resolve("/", WorkingDir ?? ""),
    user: User ?? "",
  });
}
