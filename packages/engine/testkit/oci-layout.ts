import { createHash } from "node:crypto";
import { createReadStream, mkdirSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "../src/index.ts";

/** A layer of a layout that is written: its tar file, which is moved there. */
export interface LayoutLayer {
  readonly tarFile: string;
  readonly compression?: "gzip" | "zstd";
  /** Said in place of what is true. */
  readonly diffId?: string;
}

export interface LayoutImage {
  /** Lowest first. */
  readonly layers: readonly LayoutLayer[];
  /** What they lie upon: layers of an image that is in the same folder. */
  readonly lower?: LowerLayers;
  /** As in an OCI image configuration: `Env`, `Cmd`, … */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly architecture?: string;
}

export interface LowerLayers {
  readonly descriptors: readonly Descriptor[];
  readonly diffIds: readonly string[];
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

const LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar";
const COMPRESSORS = {
  gzip: ["gzip", "--fast", "--force"],
  zstd: ["zstd", "-1", "--force", "--rm", "--quiet"],
} as const;
const SUFFIXES = { gzip: ".gz", zstd: ".zst" } as const;

/** Writes an image as others do, whatever it says: an OCI layout with one manifest. */
export async function writeLayout(
  dir: string,
  { layers, lower, config = {}, architecture }: LayoutImage,
): Promise<void> {
  mkdirSync(join(dir, "blobs/sha256"), { recursive: true });
  const diffIds = [...(lower?.diffIds ?? [])];
  const descriptors = [...(lower?.descriptors ?? [])];
  for (const layer of layers) {
    diffIds.push(layer.diffId ?? (await digestOf(layer.tarFile)));
    descriptors.push(await addLayer(dir, layer));
  }
  const image = {
    architecture: architecture ?? (process.arch === "arm64" ? "arm64" : "amd64"),
    os: "linux",
    config,
    rootfs: { type: "layers", diff_ids: diffIds },
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: addJson(dir, "application/vnd.oci.image.config.v1+json", image),
    layers: descriptors,
  };
  const entry = addJson(dir, manifest.mediaType, manifest);
  writeFileSync(join(dir, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
  writeFileSync(join(dir, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
}

/** The layers of the one image of a layout. */
export async function layersOf(dir: string): Promise<LowerLayers> {
  const json = async <T>(file: string): Promise<T> => (await Bun.file(file).json()) as T;
  const { manifests } = await json<{ manifests: Descriptor[] }>(join(dir, "index.json"));
  const manifestFile = blobFile(dir, manifests[0]?.digest ?? "");
  const manifest = await json<{ config: Descriptor; layers: Descriptor[] }>(manifestFile);
  const config = await json<{ rootfs: { diff_ids: string[] } }>(blobFile(dir, manifest.config.digest));
  return { descriptors: manifest.layers, diffIds: config.rootfs.diff_ids };
}

/** The tar file of a folder, owned by root, in a new file. */
export async function tarOf(rootDir: string, tarFile: string): Promise<string> {
  await runCommand(["tar", "--numeric-owner", "--sort=name", "-C", rootDir, "-cf", tarFile, "."]);
  return tarFile;
}

async function addLayer(dir: string, { tarFile, compression }: LayoutLayer): Promise<Descriptor> {
  if (compression !== undefined) await runCommand([...COMPRESSORS[compression], tarFile]);
  const file = compression === undefined ? tarFile : `${tarFile}${SUFFIXES[compression]}`;
  const digest = await digestOf(file);
  const size = statSync(file).size;
  renameSync(file, blobFile(dir, digest));
  return { mediaType: compression === undefined ? LAYER_TYPE : `${LAYER_TYPE}+${compression}`, digest, size };
}

function addJson(dir: string, mediaType: string, content: object): Descriptor {
  const text = JSON.stringify(content);
  const digest = `sha256:${createHash("sha256").update(text).digest("hex")}`;
  writeFileSync(blobFile(dir, digest), text);
  return { mediaType, digest, size: Buffer.byteLength(text) };
}

const blobFile = (dir: string, digest: string): string => join(dir, "blobs", digest.replace(":", "/"));

async function digestOf(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return `sha256:${hash.digest("hex")}`;
}
