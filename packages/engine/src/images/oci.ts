import { createHash } from "node:crypto";
import { constants, lstatSync, realpathSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "@dormouse/kernel";
import { z } from "zod";

/* Shapes of the OCI image specification 1.1, and those of Docker's schema 2, which differ in their media types alone. */

const Digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);

export const Descriptor = z.looseObject({
  mediaType: z.string().default(""),
  digest: Digest,
  size: z.int().min(0),
  platform: z.looseObject({ architecture: z.string(), os: z.string() }).optional(),
});
export type Descriptor = z.infer<typeof Descriptor>;

export const OciIndex = z.looseObject({ manifests: z.array(Descriptor).max(1000) });
export const OciManifest = z.looseObject({ config: Descriptor, layers: z.array(Descriptor).max(1000) });
export type OciManifest = z.infer<typeof OciManifest>;

const texts = z.array(z.string()).nullish();

export const OciConfig = z.looseObject({
  architecture: z.string().default(""),
  os: z.string().default("linux"),
  config: z
    .looseObject({
      Env: texts,
      Entrypoint: texts,
      Cmd: texts,
      WorkingDir: z.string().nullish(),
      User: z.string().nullish(),
    })
    .nullish(),
  rootfs: z.looseObject({ diff_ids: z.array(Digest) }),
});
export type OciConfig = z.infer<typeof OciConfig>;

/** This machine, as images call it. */
export const ARCHITECTURE = process.arch === "arm64" ? "arm64" : "amd64";

/** Layers that all of an image fit into the options of one mount with: 4 KiB, at 40 bytes each. */
export const LAYER_MAX_COUNT = 90;

export const refuseImage = (reason: string, hint?: string): AppError =>
  new AppError("INVALID_IMAGE", `Cannot use the image: ${reason}`, hint === undefined ? {} : { hint });

/** The one for this machine out of an index. @throws INVALID_IMAGE */
export function choosePlatform(manifests: readonly Descriptor[]): Descriptor {
  const chosen = manifests.find(({ platform }) => platform?.os === "linux" && platform.architecture === ARCHITECTURE);
  if (chosen !== undefined) return chosen;
  const platforms = manifests.flatMap(({ platform }) =>
    platform === undefined ? [] : [`${platform.os}/${platform.architecture}`],
  );
  throw refuseImage(`it is not made for linux/${ARCHITECTURE}`, `It is for ${[...new Set(platforms)].join(", ")}`);
}

/** @throws INVALID_IMAGE */
export function assertFits({ architecture, os }: OciConfig): void {
  if ((architecture === "" || architecture === ARCHITECTURE) && os === "linux") return;
  throw refuseImage(`it is made for ${os}/${architecture}, this machine is linux/${ARCHITECTURE}`);
}

const JSON_MAX_BYTES = 4 * 1024 * 1024;

/** An OCI layout that somebody else wrote: nothing in it is believed. */
export class OciLayout {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = realpathSync(dir);
  }

  async index(): Promise<z.infer<typeof OciIndex>> {
    await using file = await openPlain(join(this.#dir, "index.json"), this.#dir);
    return parse(OciIndex, await readAll(file.handle));
  }

  /** A small file of the layout, whose content is what its digest says. @throws INVALID_IMAGE */
  async json<T>(shape: z.ZodType<T>, { digest }: Descriptor): Promise<T> {
    await using file = await this.blob(digest);
    const content = await readAll(file.handle);
    assertDigest(digest, `sha256:${createHash("sha256").update(content).digest("hex")}`);
    return parse(shape, content);
  }

  /** Whether its content is what its digest says is for the reader to see. @throws INVALID_IMAGE when it is not there */
  blob(digest: string): Promise<OpenFile> {
    const dir = join(this.#dir, "blobs/sha256");
    return openPlain(join(dir, digest.slice("sha256:".length)), dir);
  }
}

/** @throws INVALID_IMAGE */
export function assertDigest(expected: string, actual: string): void {
  if (expected !== actual) throw refuseImage(`its content "${expected}" is another one, "${actual}"`);
}

export interface OpenFile extends AsyncDisposable {
  readonly handle: FileHandle;
  readonly sizeBytes: number;
}

/** A regular file right in `dir`, which is no link either. */
async function openPlain(file: string, dir: string): Promise<OpenFile> {
  const isReal = lstatSync(dir, { throwIfNoEntry: false })?.isDirectory() === true && realpathSync(dir) === dir;
  const handle = isReal ? await openNoFollow(file) : undefined;
  const stats = await handle?.stat();
  if (handle !== undefined && stats?.isFile() === true) {
    return { handle, sizeBytes: stats.size, [Symbol.asyncDispose]: () => handle.close() };
  }
  await handle?.close();
  throw refuseImage(`"${file.slice(dir.length + 1)}" of it is missing`);
}

const openNoFollow = (file: string): Promise<FileHandle | undefined> =>
  open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(() => undefined);

async function readAll(file: FileHandle): Promise<Buffer> {
  const { size } = await file.stat();
  if (size > JSON_MAX_BYTES) throw refuseImage("its manifest is too large");
  return file.readFile();
}

function parse<T>(shape: z.ZodType<T>, content: Buffer): T {
  try {
    return shape.parse(JSON.parse(content.toString("utf8")));
  } catch (cause) {
    throw new AppError("INVALID_IMAGE", "Cannot use the image: its manifest cannot be read", { cause });
  }
}
