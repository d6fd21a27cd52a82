import { createHash } from "node:crypto";
import { lstatSync, realpathSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "@dormouse/kernel";
import { setOpaque } from "../syscalls.ts";
import { assertDigest, type OpenFile, refuseImage } from "./oci.ts";
import { type ToolBoxDeps, type ToolOutcome, type ToolRequest, withTool } from "./tool-box.ts";

/* Layers as registries and builders hand them over. Bytes pass through this process, which counts and hashes them; what they mean is seen
   by GNU tar, gzip and zstd alone, in their boxes. */

export interface LayerBlob {
  readonly file: OpenFile;
  /** Of the file, as the image's manifest says. */
  readonly digest: string;
  /** Of what is in it, as the image's configuration says. */
  readonly diffId: string;
}

export interface LayerLimits {
  /** Of a layer's tar file. */
  readonly layerMaxBytes: number;
  readonly entryMaxCount: number;
  readonly timeoutMs: number;
}

export const LAYER_LIMITS: LayerLimits = {
  layerMaxBytes: 16 * 1024 ** 3,
  entryMaxCount: 1_000_000,
  timeoutMs: 15 * 60_000,
};

const PURPOSE = "unpack the image";

export interface UnpackRequest {
  readonly blob: LayerBlob;
  /** Empty folder that becomes the layer; when absent, the content is only looked at. */
  readonly rootDir?: string;
  readonly limits: LayerLimits;
  readonly signal: AbortSignal;
}

/**
 * Reads a layer to its end, and into a folder where one is given. Owners are as in the image, devices are left out.
 * @throws INVALID_IMAGE when its digests are not what they should be or it cannot be unpacked; TOO_LARGE; HOST_FULL
 */
export async function unpackLayer(deps: ToolBoxDeps, request: UnpackRequest): Promise<void> {
  const { rootDir } = request;
  if (rootDir === undefined) return readLayer(deps, request, async () => undefined);
  await withTool(deps, tarRequest(rootDir, request), async (tar) => {
    const entries = new EntryCounter(tar.output, request.limits.entryMaxCount);
    await readLayer(deps, request, async (chunk) => {
      entries.assertFew();
      await tar.write(chunk);
    });
    tar.end();
    await entries.ended;
    entries.assertFew();
    assertUnpacked(await tar.ended);
  });
  await turnWhiteouts(deps, rootDir, request);
}

/** Hands the uncompressed content on, and compares both digests at its end. */
async function readLayer(
  deps: ToolBoxDeps,
  request: UnpackRequest,
  onChunk: (chunk: Uint8Array) => Promise<void>,
): Promise<void> {
  const { blob } = request;
  const { handle } = blob.file;
  const [blobHash, contentHash] = [createHash("sha256"), createHash("sha256")];
  const assertWithin = contentLimit(request);
  let [readBytes, contentBytes] = [0, 0];
  const take = async (chunk: Uint8Array): Promise<void> => {
    contentBytes += chunk.length;
    assertWithin(contentBytes, readBytes);
    contentHash.update(chunk);
    await onChunk(chunk);
  };
  const magic = Buffer.alloc(4);
  await handle.read(magic, 0, magic.length, 0);
  const source = handle.createReadStream({ start: 0, autoClose: false, highWaterMark: CHUNK_BYTES });
  const chunks = watched(source, (chunk) => {
    request.signal.throwIfAborted();
    readBytes += chunk.length;
    blobHash.update(chunk);
  });
  const decompressor = DECOMPRESSORS.find(({ magic: start }) => magic.subarray(0, start.length).equals(start));
  if (decompressor === undefined) for await (const chunk of chunks) await take(chunk);
  else await decompress(deps, { command: decompressor.command, chunks, take, ...request });
  assertDigest(blob.digest, `sha256:${blobHash.digest("hex")}`);
  assertDigest(blob.diffId, `sha256:${contentHash.digest("hex")}`);
}

const CHUNK_BYTES = 256 * 1024;

/** By the first bytes: media types are often wrong. */
const DECOMPRESSORS = [
  { magic: Buffer.from([0x1f, 0x8b]), command: ["gzip", "--decompress", "--stdout"] },
  { magic: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), command: ["zstd", "--decompress", "--stdout", "--quiet"] },
];

async function* watched(source: AsyncIterable<Uint8Array>, look: (chunk: Uint8Array) => void) {
  for await (const chunk of source) {
    look(chunk);
    yield chunk;
  }
}

interface Decompression extends UnpackRequest {
  readonly command: readonly string[];
  readonly chunks: AsyncIterable<Uint8Array>;
  readonly take: (chunk: Uint8Array) => Promise<void>;
}

async function decompress(deps: ToolBoxDeps, { command, chunks, take, limits, signal }: Decompression): Promise<void> {
  const request: ToolRequest = { purpose: PURPOSE, command, shown: [], timeoutMs: limits.timeoutMs, signal };
  await withTool(deps, request, async (tool) => {
    const feeding = (async () => {
      for await (const chunk of chunks) await tool.write(chunk);
      tool.end();
    })();
    /* A refusal ends the tool, and with it what waits to write to it. */
    feeding.catch(() => undefined);
    for await (const chunk of tool.output) await take(chunk);
    await feeding;
    const { exitCode, complaint } = await tool.ended;
    if (exitCode !== 0) throw refuseImage(`a layer cannot be decompressed: ${lastLine(complaint)}`);
  });
}

/** Deflate cannot do more than 1,032: what comes near it says more about its maker than about its content. */
const EXPANSION_MAX_RATIO = 250;
const EXPANSION_FREE_BYTES = 256 * 1024 ** 2;
/** What the machine keeps for itself. */
const DISK_RESERVE_BYTES = 1024 ** 3;

function contentLimit({ rootDir, limits }: UnpackRequest): (contentBytes: number, readBytes: number) => void {
  const { bavail, bsize } = statfsSync(rootDir ?? "/");
  const roomBytes = rootDir === undefined ? Number.POSITIVE_INFINITY : bavail * bsize - DISK_RESERVE_BYTES;
  return (contentBytes, readBytes) => {
    if (contentBytes > limits.layerMaxBytes)
      throw tooLarge(`a layer of it has more than ${limits.layerMaxBytes} bytes`);
    if (contentBytes > EXPANSION_FREE_BYTES + readBytes * EXPANSION_MAX_RATIO) {
      throw tooLarge(`a layer of it is more than ${EXPANSION_MAX_RATIO} times as large as its file`);
    }
    if (contentBytes > roomBytes) throw diskFull();
  };
}

const tooLarge = (reason: string): AppError => new AppError("TOO_LARGE", `Cannot use the image: ${reason}`);
const diskFull = (): AppError => new AppError("HOST_FULL", "Cannot unpack the image: the disk is full");

const TAR = ["tar", "--extract", "--verbose", "--file=-", "--directory=/layer", "--numeric-owner", "--same-owner"];
const TAR_OPTIONS = ["--same-permissions", "--delay-directory-restore", "--warning=no-timestamp"];
/** No other attribute means anything to a sandbox, and overlayfs must not find any of its own. */
const TAR_ATTRIBUTES = ["--warning=no-unknown-keyword", "--xattrs", "--xattrs-include=security.capability"];

const tarRequest = (rootDir: string, { limits, signal }: UnpackRequest): ToolRequest => ({
  purpose: PURPOSE,
  command: [...TAR, ...TAR_OPTIONS, ...TAR_ATTRIBUTES],
  shown: [{ source: rootDir, target: "layer", isWritable: true }],
  maxFileBytes: limits.layerMaxBytes,
  timeoutMs: limits.timeoutMs,
  signal,
});

const NEWLINE = 10;

/** tar says a line for each entry. */
class EntryCounter {
  readonly #maxCount: number;
  #count = 0;
  readonly ended: Promise<void>;

  constructor(output: ReadableStream<Uint8Array>, maxCount: number) {
    this.#maxCount = maxCount;
    this.ended = this.#read(output);
    this.ended.catch(() => undefined);
  }

  assertFew(): void {
    if (this.#count > this.#maxCount) throw tooLarge(`a layer of it has more than ${this.#maxCount} entries`);
  }

  async #read(output: ReadableStream<Uint8Array>): Promise<void> {
    for await (const chunk of output) this.#count += chunk.filter((byte) => byte === NEWLINE).length;
  }
}

/** What the kernel answers when root of a sandbox makes a device: `/dev` of a sandbox is its own anyway. */
const DEVICE_LEFT_OUT = /: Cannot mknod: Operation not permitted$/;
const CLOSING_WORDS = "Exiting with failure status due to previous errors";

/** tar goes on without what is beyond the limit. */
const CUT_OFF = /: Warning: Cannot truncate: /;

function assertUnpacked({ exitCode, complaint }: ToolOutcome): void {
  if (exitCode === 0 && !CUT_OFF.test(complaint)) return;
  const failures = complaint
    .split("\n")
    .filter((line) => line !== "" && !line.includes(CLOSING_WORDS) && !DEVICE_LEFT_OUT.test(line));
  const [failure] = failures.filter((line) => !line.includes("Removing leading "));
  if (failure === undefined && complaint.includes(CLOSING_WORDS)) return;
  if (complaint.includes("No space left on device")) throw diskFull();
  throw refuseImage(`a layer cannot be unpacked: ${failure ?? `tar ended with ${exitCode}`}`);
}

/**
 * Whiteouts of the OCI image specification become those of overlayfs. Folders keep their times. A folder that shows nothing of the layers
 * below, also because it was deleted and made again, is named on standard output: marking it takes rights the box has not got.
 */
const TURN_WHITEOUTS = `
  cd /layer
  find . -name '.wh.*' -prune -exec sh -euc '
    for mark do
      folder=\${mark%/*} name=\${mark##*/.wh.}
      touch -r "$folder" /tmp/times
      rm -rf -- "$mark"
      case $name in
        .wh..opq) printf "%s\\0" "$folder" ;;
        .wh.* | "" | . | ..) ;;
        *)
          if [ -L "$folder/$name" ]; then :
          elif [ -d "$folder/$name" ]; then printf "%s\\0" "$folder/$name"
          elif [ ! -e "$folder/$name" ]; then mknod "$folder/$name" c 0 0
          fi ;;
      esac
      touch -r /tmp/times "$folder"
    done' sh {} +`;

const OPAQUE_LIST_MAX_BYTES = 64 * 1024 ** 2;

async function turnWhiteouts(deps: ToolBoxDeps, rootDir: string, request: UnpackRequest): Promise<void> {
  const command = ["sh", "-euc", TURN_WHITEOUTS];
  const opaque = await withTool(deps, { ...tarRequest(rootDir, request), command }, async (tool) => {
    tool.end();
    const chunks: Uint8Array[] = [];
    let sizeBytes = 0;
    for await (const chunk of tool.output) {
      sizeBytes += chunk.length;
      if (sizeBytes > OPAQUE_LIST_MAX_BYTES) throw tooLarge("a layer of it deletes too much");
      chunks.push(chunk);
    }
    const { exitCode, complaint } = await tool.ended;
    if (exitCode !== 0) throw refuseImage(`what a layer deletes cannot be read: ${lastLine(complaint)}`);
    return Buffer.concat(chunks);
  });
  for (const folder of opaque.toString("latin1").split("\0").slice(0, -1)) markOpaque(rootDir, folder);
}

/** Nobody writes there any more; what the box said is not believed all the same. */
function markOpaque(rootDir: string, folder: string): void {
  const path = Buffer.from(join(rootDir, folder), "latin1");
  const isReal = realpathSync(path, "buffer").equals(path) && lstatSync(path).isDirectory();
  if (!isReal || folder.split("/").includes("..")) throw refuseImage("what a layer deletes is not in it");
  setOpaque(path);
}

const lastLine = (text: string): string => text.trim().split("\n").at(-1) ?? "";
