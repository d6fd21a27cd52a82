import { createHash } from "node:crypto";
import { AppError } from "@dormouse/kernel";
import type { RegistryCredentials } from "@dormouse/schema";
import { exportOciLayout } from "./export-layout.ts";
import type { ImageDeps } from "./import-layout.ts";
import type { ImageManifest } from "./manifest.ts";
import { choosePlatform, OciIndex, OciManifest, refuseImage } from "./oci.ts";
import { fullName, type RegistryReference, resolveReference } from "./registries.ts";
import { AUTH_FILE, type RegistryDeps, runSkopeo, type SkopeoRun } from "./skopeo.ts";

export interface Transfer {
  /** As after `FROM` or `docker pull`. */
  readonly reference: string;
  readonly credentials: RegistryCredentials;
  readonly layoutDir: string;
  /** Told what happens, line by line. */
  readonly log?: (line: string) => void;
  readonly signal: AbortSignal;
  /** Of all layers, as they are sent. */
  readonly maxBytes?: number;
}

/** What skopeo says of its progress is told as it comes, with what it complains about. */
const COPY = ["sh", "-euc", 'exec skopeo "$@" >&2', "sh", "--insecure-policy", "copy"];
const COPY_AND_TELL_DIGEST = ["sh", "-euc", 'skopeo "$@" >&2; cat /tmp/digest', "sh", "--insecure-policy", "copy"];

const IMAGE_MAX_BYTES = 16 * 1024 ** 3;
/** A layer's name in the layout, and what is written beside it. */
const FILE_SLACK_BYTES = 1024 ** 2;

/**
 * Gets an image for this machine from its registry into an empty folder, as an OCI layout; nothing larger than its manifest says.
 * @throws IMAGE_NOT_FOUND, UNAUTHENTICATED, UPSTREAM_UNREACHABLE, INVALID_IMAGE, TOO_LARGE, HOST_FULL
 */
export async function pullToLayout(deps: RegistryDeps, transfer: Transfer): Promise<void> {
  const { credentials, layoutDir, log, signal, maxBytes = IMAGE_MAX_BYTES } = transfer;
  const reference = resolveReference(transfer.reference);
  const { chosen, manifest } = await findManifest(deps, { reference, credentials, signal });
  const sizes = manifest.layers.map(({ size }) => size);
  if (sizes.reduce((sum, size) => sum + size, 0) > maxBytes) {
    throw new AppError("TOO_LARGE", `Cannot pull image "${fullName(reference)}": it has more than ${maxBytes} bytes`);
  }
  await runSkopeo(deps, {
    reference: chosen,
    credentials,
    command: (address, { tls }) => [
      ...COPY,
      `--src-authfile=${AUTH_FILE}`,
      `--src-tls-verify=${tls}`,
      "--dest-oci-accept-uncompressed-layers",
      address,
      "oci:/layout",
    ],
    shown: [{ source: layoutDir, target: "layout", isWritable: true }],
    maxFileBytes: Math.max(...sizes, 0) + FILE_SLACK_BYTES,
    log,
    signal,
  });
}

/**
 * Sends an OCI layout with one image to a registry, and resolves with the digest it has there.
 * @throws UNAUTHENTICATED, UPSTREAM_UNREACHABLE
 */
export async function pushLayout(deps: RegistryDeps, transfer: Transfer): Promise<{ digest: string }> {
  const { credentials, layoutDir, log, signal } = transfer;
  const digest = await runSkopeo(deps, {
    reference: resolveReference(transfer.reference),
    credentials,
    command: (address, { tls }) => [
      ...COPY_AND_TELL_DIGEST,
      `--dest-authfile=${AUTH_FILE}`,
      `--dest-tls-verify=${tls}`,
      "--digestfile=/tmp/digest",
      "oci:/layout",
      address,
    ],
    shown: [{ source: layoutDir, target: "layout", isWritable: false }],
    log,
    signal,
  });
  return { digest: digest.trim() };
}

/** Sends an image of the store to a registry. @throws what `pushLayout` throws; HOST_FULL */
export async function pushImage(
  deps: ImageDeps & RegistryDeps,
  { image, ...transfer }: Omit<Transfer, "layoutDir"> & { readonly image: ImageManifest },
): Promise<{ digest: string }> {
  await using draft = deps.images.newDraft();
  const layoutDir = draft.dir;
  await exportOciLayout(deps, { image, layoutDir, signal: transfer.signal });
  return await pushLayout(deps, { ...transfer, layoutDir });
}

interface FoundManifest {
  /** By digest: it cannot become another one meanwhile. */
  readonly chosen: RegistryReference;
  readonly manifest: OciManifest;
}

type Question = Pick<SkopeoRun, "reference" | "credentials" | "signal">;

async function findManifest(deps: RegistryDeps, question: Question): Promise<FoundManifest> {
  const text = await readManifest(deps, question);
  const index = OciIndex.safeParse(text.json);
  const digest = index.success ? choosePlatform(index.data.manifests).digest : text.digest;
  const chosen = { ...question.reference, version: `@${digest}` };
  const { json } = index.success ? await readManifest(deps, { ...question, reference: chosen }) : text;
  const manifest = OciManifest.safeParse(json);
  if (manifest.success) return { chosen, manifest: manifest.data };
  throw refuseImage(
    "its manifest is none this machine can use",
    "Manifests of OCI and of Docker's schema 2 can be used",
  );
}

async function readManifest(deps: RegistryDeps, question: Question): Promise<{ json: unknown; digest: string }> {
  const text = await runSkopeo(deps, {
    ...question,
    command: (address, { tls }) => [
      "skopeo",
      "--insecure-policy",
      "inspect",
      "--raw",
      `--authfile=${AUTH_FILE}`,
      `--tls-verify=${tls}`,
      address,
    ],
  });
  try {
    return { json: JSON.parse(text), digest: `sha256:${createHash("sha256").update(text).digest("hex")}` };
  } catch {
    throw refuseImage("its manifest cannot be read");
  }
}
