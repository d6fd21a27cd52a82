import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "@dormouse/kernel";
import { type EngineImage, EngineImageId } from "@dormouse/schema";
import { shareLock, tryLock } from "../syscalls.ts";
import { BuiltImage, type ImageManifest, TaggedImage } from "./manifest.ts";
import { parseImageReference } from "./reference.ts";

export interface Draft extends AsyncDisposable {
  /** Empty, and nobody else's. */
  readonly dir: string;
}

export interface DiscardedLayer {
  readonly layer: string;
  /** Where it waits to be erased. */
  readonly dir: string;
}

/** `sha256:<hex>` of a layer's tar file, uncompressed: what the OCI image configuration calls it. */
export type DiffId = `sha256:${string}`;

const DIFF_ID_FILE = /^sha256-[0-9a-f]{64}$/;

/**
 * The images of one engine: `tags/<name>/<tag>.json` and `ids/<id>.json` over `layers/<layer>/` folders, which they share. A layer
 * never changes after it appears. Layers from outside are named by what they hold, `sha256-<hex of the diff id>`, and those of recipes
 * by their recipe; `diff-ids/sha256-<hex>` says which layer a tar file that this store has written was made of.
 */
export class ImageStore {
  readonly #dir: string;
  readonly #holds = new Set<readonly string[]>();

  constructor(dir: string) {
    this.#dir = dir;
    for (const folder of ["tags", "ids", "diff-ids"]) mkdirSync(join(dir, folder), { recursive: true });
    for (const folder of ["layers", "drafts", "trash"]) mkdirSync(join(dir, folder), { recursive: true, mode: 0o700 });
  }

  layerDir(layer: string): string {
    return join(this.#dir, "layers", layer);
  }

  /**
   * Of `name:tag` and the like, or of `@<id>`. @throws INVALID_IMAGE naming the public images there are
   */
  resolve(reference: string): ImageManifest {
    if (reference.startsWith("@")) return this.#resolveId(reference);
    const { name, tag } = parseImageReference(reference);
    const file = this.#tagFile(name, tag);
    if (existsSync(file)) return TaggedImage.parse(readJson(file));
    const available = this.list().map((image) => `${image.name}:${image.tag}`);
    throw new AppError("INVALID_IMAGE", `Cannot use image "${reference}": this machine has no image "${name}:${tag}"`, {
      hint:
        available.length === 0
          ? "Run `dormouse image build base-image`"
          : `Use one of: ${available.join(", ")}, or build it on the host with "dormouse image build ${name}"`,
      details: { requested_image: reference, supported_images: available },
    });
  }

  has(id: EngineImageId): boolean {
    return existsSync(this.#idFile(id));
  }

  /** @throws IMAGE_NOT_FOUND */
  image(id: EngineImageId): BuiltImage {
    const file = this.#idFile(id);
    if (existsSync(file)) return BuiltImage.parse(readJson(file));
    throw new AppError("IMAGE_NOT_FOUND", `Cannot find image "${id}": the engine has none with this id`);
  }

  /** The public ones. */
  list(): EngineImage[] {
    return this.#tagged().map(({ name, tag, sizeBytes, createdAtMs }) => ({ name, tag, sizeBytes, createdAtMs }));
  }

  /** Makes the image known under its name and tag; its layers are in place already. */
  tag(image: TaggedImage): void {
    mkdirSync(join(this.#dir, "tags", image.name), { recursive: true });
    writeJson(this.#tagFile(image.name, image.tag), image);
  }

  /** Makes the image known under its id; its layers are in place already. */
  add(image: BuiltImage): void {
    writeJson(this.#idFile(image.id), image);
  }

  /** Forgets the image. Its layers stay as long as something uses them, sandboxes above all. Idempotent. */
  remove(id: EngineImageId): void {
    rmSync(this.#idFile(id), { force: true });
  }

  /** The layer that has this content; undefined when there is none. */
  layerOf(diffId: DiffId): string | undefined {
    const name = diffId.replace(":", "-");
    if (existsSync(this.layerDir(name))) return name;
    const file = join(this.#dir, "diff-ids", name);
    const layer = existsSync(file) ? readFileSync(file, "utf8") : undefined;
    return layer !== undefined && existsSync(this.layerDir(layer)) ? layer : undefined;
  }

  /** A tar file of the layer has this content: whoever brings it back means the layer. */
  rememberDiffId(diffId: DiffId, layer: string): void {
    const file = join(this.#dir, "diff-ids", diffId.replace(":", "-"));
    writeFileSync(`${file}.new`, layer);
    renameSync(`${file}.new`, file);
  }

  /** The content of layers, as far as a tar file of them was ever seen. */
  diffIdsOf(layers: readonly string[]): DiffId[] {
    const wanted = new Set(layers);
    const written = readdirSync(join(this.#dir, "diff-ids")).filter(
      (name) => DIFF_ID_FILE.test(name) && wanted.has(readFileSync(join(this.#dir, "diff-ids", name), "utf8")),
    );
    const received = layers.filter((layer) => DIFF_ID_FILE.test(layer));
    return [...written, ...received].map((name) => name.replace("-", ":") as DiffId);
  }

  /** A folder on the same file system as the layers; what is in it at the end is erased. */
  newDraft(): Draft {
    const dir = mkdtempSync(join(this.#dir, "drafts", "draft-"));
    return { dir, [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }) };
  }

  /** Makes a whole folder the layer of this name; one that is there already has the same content, and stays. */
  addLayer(layer: string, dir: string): void {
    if (existsSync(this.layerDir(layer))) return;
    renameSync(dir, this.layerDir(layer));
  }

  /** Keeps layers from being erased until it is disposed of. */
  hold(layers: readonly string[]): Disposable {
    const hold = [...layers];
    this.#holds.add(hold);
    return { [Symbol.dispose]: () => void this.#holds.delete(hold) };
  }

  /** Layers of images, and those that are held. */
  usedLayers(): Set<string> {
    const images = [...this.#tagged(), ...this.#built()];
    return new Set([...images.map(({ layers }) => layers), ...this.#holds].flat());
  }

  /** Moves layers that are not in `used` where nobody finds them, and says where. The caller has the lock. */
  discard(used: ReadonlySet<string>): DiscardedLayer[] {
    const unused = readdirSync(join(this.#dir, "layers")).filter((layer) => !used.has(layer));
    const discarded = unused.map((layer) => ({ layer, dir: mkdtempSync(join(this.#dir, "trash", `${layer}-`)) }));
    for (const { layer, dir } of discarded) renameSync(this.layerDir(layer), dir);
    for (const name of readdirSync(join(this.#dir, "diff-ids"))) {
      const file = join(this.#dir, "diff-ids", name);
      if (name.endsWith(".new") || !existsSync(this.layerDir(readFileSync(file, "utf8")))) rmSync(file);
    }
    return discarded;
  }

  /** Folders that only wait to be erased when an engine starts; drafts too, unless another process may be writing them. */
  leftovers(): string[] {
    const lock = this.tryLock();
    lock?.[Symbol.dispose]();
    const withDrafts = lock !== undefined;
    const folders = withDrafts ? ["trash", "drafts"] : ["trash"];
    return folders.flatMap((folder) =>
      readdirSync(join(this.#dir, folder)).map((name) => join(this.#dir, folder, name)),
    );
  }

  /** For a process beside the engine that adds images: keeps the engine from erasing any until it is disposed of. Waits for it. */
  lockShared(): Disposable {
    const fd = openSync(this.#lockFile(), "w", 0o600);
    shareLock(fd);
    return { [Symbol.dispose]: () => closeSync(fd) };
  }

  /** Keeps other processes from adding images; undefined while one does. */
  tryLock(): Disposable | undefined {
    const fd = openSync(this.#lockFile(), "w", 0o600);
    if (tryLock(fd)) return { [Symbol.dispose]: () => closeSync(fd) };
    closeSync(fd);
    return undefined;
  }

  #resolveId(reference: string): BuiltImage {
    const id = EngineImageId.safeParse(reference.slice(1)).data;
    if (id !== undefined && existsSync(this.#idFile(id))) return this.image(id);
    throw new AppError("INVALID_IMAGE", `Cannot use image "${reference}": the engine has none with this id`);
  }

  #tagged(): TaggedImage[] {
    const tagsDir = join(this.#dir, "tags");
    return readdirSync(tagsDir).flatMap((name) =>
      jsonFiles(join(tagsDir, name)).map((file) => TaggedImage.parse(readJson(file))),
    );
  }

  #built(): BuiltImage[] {
    return jsonFiles(join(this.#dir, "ids")).map((file) => BuiltImage.parse(readJson(file)));
  }

  readonly #lockFile = (): string => join(this.#dir, "lock");
  readonly #tagFile = (name: string, tag: string): string => join(this.#dir, "tags", name, `${tag}.json`);
  readonly #idFile = (id: EngineImageId): string => join(this.#dir, "ids", `${id}.json`);
}

const jsonFiles = (dir: string): string[] =>
  readdirSync(dir)
    .filter((file) => file.endsWith(".json"))
    .map((file) => join(dir, file));

const readJson = (file: string): unknown => JSON.parse(readFileSync(file, "utf8"));

function writeJson(file: string, content: object): void {
  writeFileSync(`${file}.new`, JSON.stringify(content, null, 2));
  renameSync(`${file}.new`, file);
}
