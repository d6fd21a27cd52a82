import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { AppError, KeyedMutex } from "@dormouse/kernel";
import type { EngineSandboxSpec, EngineVolumeMount, SandboxId, UnpackedVolume, VolumeId } from "@dormouse/schema";
import type { HostIds } from "../ids/host-ids.ts";
import type { Layout } from "../layout.ts";
import { syncToDisk } from "../disk-sync.ts";
import { remountIdmapped } from "../syscalls.ts";
import { copyImage, growImage, growMountedImage, makeImage, sizeOfImage } from "./images.ts";
import { untilUnmounted, withMountedImage } from "./loop-mounts.ts";
import { unpackImage } from "./unpack.ts";

/** A mounted volume on its way into a sandbox. */
export interface VolumeBind {
  /** Where the engine has it mounted. */
  readonly source: string;
  readonly destination: string;
  readonly readOnly: boolean;
}

type Owner = Pick<EngineSandboxSpec, "id" | "volumes">;

/**
 * The volumes of this machine: image files, and which sandbox has which. Nothing is mounted but while a sandbox starts; from
 * then on the sandbox holds the mount, so a killed engine leaves nothing to clean up and finds nothing to repair.
 */
export class Volumes {
  readonly #layout: Layout;
  readonly #holders = new Map<VolumeId, SandboxId>();
  readonly #changes = new KeyedMutex();
  /** Ends the making of a volume out of an archive. */
  readonly #unpackings = new Map<VolumeId, AbortController>();

  constructor(layout: Layout) {
    this.#layout = layout;
    for (const name of readdirSync(layout.volumesDir())) {
      if (name.endsWith(".new")) rmSync(join(layout.volumesDir(), name));
    }
  }

  /** @throws VOLUME_ALREADY_EXISTS, VOLUME_NOT_FOUND, VOLUME_IN_USE, INVALID_ARGUMENT, HOST_FULL */
  create(id: VolumeId, sizeMiB: number, source?: VolumeId): Promise<void> {
    return this.#changes.run(id, async () => {
      const file = this.#layout.volumeFile(id);
      if (!existsSync(file)) {
        await this.#make(id, sizeMiB, source);
        return this.#settle(file);
      }
      if (sizeOfImage(file) === sizeMiB) return;
      throw new AppError("VOLUME_ALREADY_EXISTS", `Cannot create volume "${id}": it exists with another size`);
    });
  }

  /** @throws INVALID_ARGUMENT, TOO_LARGE, VOLUME_ALREADY_EXISTS, VOLUME_NOT_FOUND, HOST_FULL */
  unpack(id: VolumeId, sizeMiB: number, archive: ReadableStream<Uint8Array>): Promise<UnpackedVolume> {
    return this.#changes.run(id, async () => {
      const imageFile = this.#layout.volumeFile(id);
      if (existsSync(imageFile)) throw new AppError("VOLUME_ALREADY_EXISTS", `Cannot make volume "${id}": it exists`);
      const ending = new AbortController();
      this.#unpackings.set(id, ending);
      try {
        const unpacked = await unpackImage({
          archive,
          sizeMiB,
          imageFile,
          archiveFile: this.#layout.volumeArchive(id),
          mountDir: this.#layout.volumeMountDir(id),
          agentFile: this.#layout.agentFile(),
          signal: ending.signal,
        });
        await this.#settle(imageFile);
        return unpacked;
      } finally {
        this.#unpackings.delete(id);
      }
    });
  }

  /** @throws VOLUME_NOT_FOUND, INVALID_ARGUMENT, HOST_FULL, VOLUME_IN_USE */
  resize(id: VolumeId, sizeMiB: number): Promise<void> {
    return this.#changes.run(id, async () => {
      const file = this.#requireFile(id);
      const currentMiB = sizeOfImage(file);
      if (sizeMiB < currentMiB) {
        throw new AppError("INVALID_ARGUMENT", `Cannot shrink a volume to ${sizeMiB} MB: it has ${currentMiB} MB`, {
          hint: "Volumes can only grow",
        });
      }
      const isFree = !this.#holders.has(id) && (await untilUnmounted(file));
      await (isFree ? growImage : growMountedImage)(file, sizeMiB, this.#layout.volumeMountDir(id));
    });
  }

  /** @throws VOLUME_IN_USE */
  remove(id: VolumeId): Promise<void> {
    this.#unpackings
      .get(id)
      ?.abort(new AppError("VOLUME_NOT_FOUND", `Cannot make volume "${id}": it was removed meanwhile`));
    return this.#changes.run(id, async () => {
      const holder = this.#holders.get(id);
      if (holder !== undefined) throw inUse(id, holder);
      rmSync(this.#layout.volumeFile(id), { force: true });
      await syncToDisk(this.#layout.volumesDir());
    });
  }

  /** From now on they are the sandbox's alone, all of them or none. @throws VOLUME_NOT_FOUND, VOLUME_IN_USE */
  claim({ id, volumes }: Owner): void {
    if (new Set(volumes.map((volume) => volume.id)).size < volumes.length) {
      throw new AppError("INVALID_ARGUMENT", `Cannot give sandbox "${id}" its volumes: one is there twice`);
    }
    for (const volume of volumes) {
      if (isEphemeral(volume)) continue;
      this.#requireFile(volume.id);
      const holder = this.#holders.get(volume.id);
      if (holder !== undefined) throw inUse(volume.id, holder);
    }
    this.adopt({ id, volumes });
  }

  /** What `claim` does, for a sandbox that has had them all along. */
  adopt({ id, volumes }: Owner): void {
    for (const volume of volumes) if (!isEphemeral(volume)) this.#holders.set(volume.id, id);
  }

  /**
   * Runs `start` while the sandbox's volumes are mounted, with owners that are its own ids; ephemeral ones are made if they are not
   * there yet.
   */
  async withMounted<T>(owner: Owner, { diskNamespaceFd }: HostIds, start: () => Promise<T>): Promise<T> {
    let next = start;
    for (const volume of owner.volumes) {
      const inner = next;
      const target = this.#sourceOf(owner.id, volume);
      next = async () =>
        withMountedImage(await this.#readyImage(owner.id, volume), target, () => {
          remountIdmapped(target, { userNamespaceFd: diskNamespaceFd, isWritable: true });
          return inner();
        });
    }
    return next();
  }

  /** Outer ones first, as they must be mounted. */
  bindsOf({ id, volumes }: Owner): VolumeBind[] {
    return volumes
      .toSorted((left, right) => left.mountPath.length - right.mountPath.length)
      .map((volume) => ({
        source: this.#sourceOf(id, volume),
        destination: volume.mountPath,
        readOnly: volume.readOnly,
      }));
  }

  /** Frees them once the kernel has unmounted them and their data is on the disk. The sandbox's processes must have ended. */
  async release({ id, volumes }: Owner): Promise<void> {
    for (const volume of volumes) {
      const isOurs = isEphemeral(volume) || this.#holders.get(volume.id) === id;
      const file = this.#fileOf(id, volume);
      if (!isOurs || !existsSync(file)) continue;
      await untilUnmounted(file);
      if (isEphemeral(volume)) continue;
      await syncToDisk(file);
      this.#holders.delete(volume.id);
    }
  }

  async #make(id: VolumeId, sizeMiB: number, source: VolumeId | undefined): Promise<void> {
    const [file, mountDir] = [this.#layout.volumeFile(id), this.#layout.volumeMountDir(id)];
    if (source === undefined) return makeImage(file, sizeMiB, mountDir);
    const sourceFile = this.#requireFile(source);
    const holder = this.#holders.get(source);
    if (holder !== undefined) throw inUse(source, holder);
    const contentMiB = sizeOfImage(sourceFile);
    if (sizeMiB < contentMiB) {
      throw new AppError(
        "INVALID_ARGUMENT",
        `Cannot make a volume of ${sizeMiB} MB: its content needs ${contentMiB} MB`,
        {
          hint: "Ask for a larger one",
        },
      );
    }
    return copyImage(sourceFile, file, { sizeMiB, mountDir });
  }

  /** On the disk, with its name: a volume is there to outlast what uses it. */
  async #settle(file: string): Promise<void> {
    await syncToDisk(file);
    await syncToDisk(this.#layout.volumesDir());
  }

  async #readyImage(sandboxId: SandboxId, volume: EngineVolumeMount): Promise<string> {
    const file = this.#fileOf(sandboxId, volume);
    if (volume.sizeMiB === undefined || existsSync(file)) return file;
    mkdirSync(this.#layout.ephemeralVolumesDir(sandboxId), { recursive: true });
    await makeImage(file, volume.sizeMiB, this.#sourceOf(sandboxId, volume));
    return file;
  }

  #fileOf(sandboxId: SandboxId, volume: EngineVolumeMount): string {
    if (!isEphemeral(volume)) return this.#layout.volumeFile(volume.id);
    return join(this.#layout.ephemeralVolumesDir(sandboxId), `${volume.id}.img`);
  }

  #sourceOf(sandboxId: SandboxId, volume: EngineVolumeMount): string {
    return `${this.#layout.volumeMountDir(volume.id)}-${sandboxId}`;
  }

  #requireFile(id: VolumeId): string {
    const file = this.#layout.volumeFile(id);
    if (existsSync(file)) return file;
    throw new AppError("VOLUME_NOT_FOUND", `Cannot find volume "${id}": the engine has none with this id`);
  }
}

const isEphemeral = (volume: EngineVolumeMount): boolean => volume.sizeMiB !== undefined;

const inUse = (id: VolumeId, holder: SandboxId): AppError =>
  new AppError("VOLUME_IN_USE", `Cannot take volume "${id}": sandbox "${holder}" has it`, {
    hint: "Delete that sandbox first; a volume belongs to one sandbox at a time",
  });
