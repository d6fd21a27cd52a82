import { AppError } from "@dormouse/kernel";
import type {
  CollectedImages,
  EngineCreation,
  EngineImage,
  EngineImageId,
  EngineImageRequest,
  EngineImageState,
  EnginePort,
  EngineSandbox,
  EngineSandboxMemory,
  EngineSandboxSpec,
  EngineStats,
  SandboxId,
  UnpackedVolume,
  VolumeId,
} from "@dormouse/schema";
import { MemoryBuilds } from "./memory-builds.ts";

/** An engine that keeps its sandboxes in memory: a full implementation of the port for the layers above it. */
export class MemoryEngine implements EnginePort {
  readonly specs: EngineSandboxSpec[] = [];
  /** Awaited inside every creation, before the sandbox exists. */
  beforeCreate: () => Promise<void> = () => Promise.resolve();
  assertRoom: () => Promise<void> = () => Promise.resolve();
  /** Awaited inside every removal, before the sandbox is gone. */
  beforeRemove: () => Promise<void> = () => Promise.resolve();
  readonly #sandboxes = new Map<SandboxId, EngineSandbox>();
  /** Sizes in MiB. */
  readonly volumes = new Map<VolumeId, number>();
  /** Of the volumes that were made of an archive or another volume. */
  readonly contents = new Map<VolumeId, string>();
  /** Awaited before a volume changes. */
  beforeVolumeChange: () => Promise<void> = () => Promise.resolve();
  readonly builds = new MemoryBuilds();
  readonly #imageNames: readonly string[];

  constructor(imageNames: readonly string[] = ["base-image", "nextjs"]) {
    this.#imageNames = imageNames;
  }

  async readyIds(): Promise<SandboxId[]> {
    return [];
  }

  async create(spec: EngineSandboxSpec): Promise<EngineCreation> {
    this.specs.push(spec);
    await this.beforeCreate();
    const imageName = spec.image.replace(/^(blaxel|sandbox)\//, "").replace(/:.*$/, "");
    const isThere = spec.image.startsWith("@")
      ? this.builds.isReady(spec.image.slice(1))
      : this.#imageNames.includes(imageName);
    if (!isThere) {
      throw new AppError("INVALID_IMAGE", `Cannot start sandbox "${spec.id}": no image "${spec.image}"`);
    }
    const sandbox: EngineSandbox = {
      id: spec.id,
      state: "running",
      address: "10.0.0.2",
      freezeFile: "",
      image: spec.image,
      createdAtMs: Date.now(),
    };
    this.#sandboxes.set(spec.id, sandbox);
    return { ...sandbox, readyIds: [] };
  }

  async get(id: SandboxId): Promise<EngineSandbox> {
    const sandbox = this.#sandboxes.get(id);
    if (sandbox === undefined) throw new AppError("SANDBOX_NOT_FOUND", `Cannot find sandbox "${id}"`);
    return sandbox;
  }

  async memory(id: SandboxId): Promise<EngineSandboxMemory> {
    await this.get(id);
    return { residentBytes: 0, swappedBytes: 0, isPagedOut: false };
  }

  async list(): Promise<EngineSandbox[]> {
    return [...this.#sandboxes.values()];
  }

  thaw(): boolean {
    return false;
  }

  async sleep(id: SandboxId): Promise<void> {
    this.#sandboxes.set(id, { ...(await this.get(id)), state: "asleep" });
  }

  async wake(id: SandboxId): Promise<EngineSandbox> {
    const awake: EngineSandbox = { ...(await this.get(id)), state: "running" };
    this.#sandboxes.set(id, awake);
    return awake;
  }

  /** By sandbox: why it may not start again. */
  readonly restartBans = new Map<SandboxId, string>();

  async forbidRestart(id: SandboxId, reason: string | null): Promise<void> {
    await this.get(id);
    if (reason === null) this.restartBans.delete(id);
    else this.restartBans.set(id, reason);
  }

  async remove(id: SandboxId): Promise<void> {
    await this.beforeRemove();
    this.#sandboxes.delete(id);
    this.restartBans.delete(id);
  }

  async createVolume(id: VolumeId, sizeMiB: number, source?: VolumeId): Promise<void> {
    await this.beforeVolumeChange();
    if (source !== undefined && !this.contents.has(source)) {
      throw new AppError("VOLUME_NOT_FOUND", `Cannot find volume "${source}"`);
    }
    this.volumes.set(id, sizeMiB);
    if (source !== undefined) this.contents.set(id, this.contents.get(source) ?? "");
  }

  /** Takes any text for an archive, but `broken`. */
  async unpackVolume(id: VolumeId, sizeMiB: number, archive: ReadableStream<Uint8Array>): Promise<UnpackedVolume> {
    const text = await new Response(archive).text();
    await this.beforeVolumeChange();
    if (text === "broken") throw new AppError("INVALID_ARGUMENT", "Cannot unpack the archive: it is no ZIP file");
    this.volumes.set(id, sizeMiB);
    this.contents.set(id, text);
    return { contentBytes: text.length };
  }

  async resizeVolume(id: VolumeId, sizeMiB: number): Promise<void> {
    await this.createVolume(id, sizeMiB);
  }

  async removeVolume(id: VolumeId): Promise<void> {
    await this.beforeVolumeChange();
    this.volumes.delete(id);
    this.contents.delete(id);
  }

  async stats(): Promise<EngineStats> {
    return { sandboxes: { residentBytes: 0, pagedOutBytes: 0 }, engine: { residentBytes: 0, cpuSeconds: 0 } };
  }

  async images(): Promise<EngineImage[]> {
    return this.#imageNames.map((name) => ({ name, tag: "latest", sizeBytes: 1, createdAtMs: 0 }));
  }

  async buildImage(
    id: EngineImageId,
    request: EngineImageRequest,
    context?: ReadableStream<Uint8Array>,
  ): Promise<void> {
    const text = context === undefined ? "" : await new Response(context).text();
    await this.builds.begin(id, request, text);
  }

  async image(id: EngineImageId): Promise<EngineImageState> {
    return this.builds.state(id);
  }

  async waitForImage(id: EngineImageId): Promise<EngineImageState> {
    return this.builds.end(id);
  }

  async imageLog(id: EngineImageId, { fromByte }: { fromByte: number }): Promise<ReadableStream<Uint8Array>> {
    return new Blob([this.builds.log(id).slice(fromByte)]).stream();
  }

  async removeImage(id: EngineImageId): Promise<void> {
    this.builds.remove(id);
  }

  async pushImage(id: EngineImageId, reference: string): Promise<{ digest: string }> {
    this.builds.state(id);
    return { digest: `sha256:${reference}` };
  }

  async collectImages(): Promise<CollectedImages> {
    return { layerCount: 0, freedBytes: 0 };
  }
}
