import { createHash } from "node:crypto";
import { lstatSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { AppError } from "@dormouse/kernel";
import { isOpaque } from "../syscalls.ts";
import type { ImageDeps } from "./import-layout.ts";
import type { ImageManifest } from "./manifest.ts";
import { ARCHITECTURE } from "./oci.ts";
import type { DiffId } from "./store.ts";
import { withTool } from "./tool-box.ts";

const TYPE = "application/vnd.oci.image";
const EXPORT_TIMEOUT_MS = 15 * 60_000;

export interface LayoutExport {
  readonly image: ImageManifest;
  /** New or empty. */
  readonly layoutDir: string;
  readonly signal?: AbortSignal;
}

interface Written {
  readonly mediaType: string;
  readonly digest: DiffId;
  readonly size: number;
}

/**
 * Writes the image as an OCI layout, its layers uncompressed. The same image gives the same bytes every time, and its layers are
 * known again when they come back. @throws HOST_FULL; what `signal` says when it is aborted
 */
export async function exportOciLayout(
  deps: ImageDeps,
  { image, layoutDir, signal = new AbortController().signal }: LayoutExport,
): Promise<void> {
  using _ = deps.images.hold(image.layers);
  mkdirSync(join(layoutDir, "blobs/sha256"), { recursive: true });
  const layers: Written[] = [];
  for (const layer of image.layers.toReversed()) layers.push(await writeLayer(deps, { layer, layoutDir, signal }));
  const { entrypoint, cmd, env, workingDir, user } = image.config;
  const config = writeBlob(layoutDir, `${TYPE}.config.v1+json`, {
    created: new Date(image.createdAtMs).toISOString(),
    architecture: ARCHITECTURE,
    os: "linux",
    config: {
      User: user,
      Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
      Entrypoint: entrypoint,
      Cmd: cmd,
      WorkingDir: workingDir,
    },
    rootfs: { type: "layers", diff_ids: layers.map(({ digest }) => digest) },
  });
  const manifest = writeBlob(layoutDir, `${TYPE}.manifest.v1+json`, {
    schemaVersion: 2,
    mediaType: `${TYPE}.manifest.v1+json`,
    config,
    layers,
  });
  writeFileSync(join(layoutDir, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  writeFileSync(join(layoutDir, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [manifest] }));
}

function writeBlob(layoutDir: string, mediaType: string, content: object): Written {
  const text = JSON.stringify(content);
  const digest: DiffId = `sha256:${createHash("sha256").update(text).digest("hex")}`;
  writeFileSync(blobFile(layoutDir, digest), text);
  return { mediaType, digest, size: Buffer.byteLength(text) };
}

const blobFile = (layoutDir: string, digest: DiffId): string => join(layoutDir, "blobs", digest.replace(":", "/"));

/** Whiteouts come last, out of a folder of their own: in the layer they are devices, in the tar file they are files. */
const WRITE_TAR = `
  mkdir /tmp/marks && cd /tmp/marks
  xargs -0 -r dirname -z -- < /etc/marks | xargs -0 -r mkdir -p --
  xargs -0 -r touch -d @0 -- < /etc/marks
  exec tar --create --file=- --format=pax --numeric-owner --no-recursion --xattrs --xattrs-include=security.capability \\
    --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime,delete=mtime \\
    --directory=/layer --null --files-from=/etc/entries --directory=/tmp/marks --null --files-from=/etc/marks`;

/** Exit code of GNU tar. Content of a layer never changes; link counts do, when another data folder links the same files. */
const CHANGED_MEANWHILE = 1;

interface LayerExport {
  readonly layer: string;
  readonly layoutDir: string;
  readonly signal: AbortSignal;
}

async function writeLayer(deps: ImageDeps, { layer, layoutDir, signal }: LayerExport): Promise<Written> {
  const { images } = deps;
  const source = images.layerDir(layer);
  const { entries, marks } = await listLayer(source);
  const request = {
    purpose: "export the image",
    command: ["sh", "-euc", WRITE_TAR],
    shown: [{ source, target: "layer", isWritable: false }],
    files: { entries: nullTerminated(entries), marks: nullTerminated(marks) },
    timeoutMs: EXPORT_TIMEOUT_MS,
    signal,
  };
  const draft = join(layoutDir, "blobs", `${layer}.tar`);
  const written = await withTool(deps, request, async (tar) => {
    tar.end();
    const result = await saveHashed(tar.output, draft);
    const { exitCode, complaint } = await tar.ended;
    if (exitCode <= CHANGED_MEANWHILE) return result;
    throw new AppError("INTERNAL", `Cannot export layer "${layer}": ${complaint.trim()}`);
  });
  await rename(draft, blobFile(layoutDir, written.digest));
  images.rememberDiffId(written.digest, layer);
  return { mediaType: `${TYPE}.layer.v1.tar`, ...written };
}

async function saveHashed(
  content: ReadableStream<Uint8Array>,
  fileName: string,
): Promise<{ digest: DiffId; size: number }> {
  const hash = createHash("sha256");
  let size = 0;
  await using file = await open(fileName, "wx", 0o600);
  for await (const chunk of content) {
    hash.update(chunk);
    size += chunk.length;
    await file.writeFile(chunk).catch(refuseWhenFull);
  }
  return { digest: `sha256:${hash.digest("hex")}`, size };
}

function refuseWhenFull(cause: unknown): never {
  if ((cause as { code?: unknown }).code !== "ENOSPC") throw cause;
  throw new AppError("HOST_FULL", "Cannot export the image: the disk is full", { cause });
}

interface LayerList {
  /** Of what the layer has, sorted by bytes; every folder before what is in it. */
  readonly entries: Buffer[];
  /** Of the files that say in a tar file what is deleted. */
  readonly marks: Buffer[];
}

const SLASH = Buffer.from("/");
const FOLDERS_AT_ONCE = 100;
const DELETED = Buffer.from(".wh.");
const OPAQUE_MARK = Buffer.from("/.wh..wh..opq");

/** Names are bytes: not all are UTF-8. Paths begin with `./`. A large layer does not keep the engine from all else. */
async function listLayer(rootDir: string): Promise<LayerList> {
  const [root, here] = [Buffer.from(rootDir), Buffer.from(".")];
  const list: LayerList = { entries: [here], marks: [] };
  const pending = [here];
  let folderCount = 0;
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    if (++folderCount % FOLDERS_AT_ONCE === 0) await setImmediate();
    const onDisk = Buffer.concat([root, folder.subarray(1)]);
    if (isOpaque(onDisk)) list.marks.push(Buffer.concat([folder, OPAQUE_MARK]));
    for (const name of readdirSync(onDisk, { encoding: "buffer" })) {
      const stats = lstatSync(Buffer.concat([onDisk, SLASH, name]));
      const path = Buffer.concat([folder, SLASH, name]);
      if (stats.isCharacterDevice() && stats.rdev === 0) {
        list.marks.push(Buffer.concat([folder, SLASH, DELETED, name]));
        continue;
      }
      list.entries.push(path);
      if (stats.isDirectory()) pending.push(path);
    }
  }
  list.entries.sort((one, other) => one.compare(other));
  list.marks.sort((one, other) => one.compare(other));
  return list;
}

const nullTerminated = (paths: readonly Buffer[]): Buffer =>
  Buffer.concat(paths.flatMap((path) => [path, Buffer.alloc(1)]));
