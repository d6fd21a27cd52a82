import { createHash } from "node:crypto";
import { mkdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { runCommand } from "../run-command.ts";

/** Images in which the stock documentation finds sandbox-api: each stands for our own agent, whatever its tag. */
const AGENT_IMAGE = /^ghcr\.io\/blaxel-ai\/sandbox(?:[:@]|$)/;

export const isAgentImage = (reference: string): boolean => AGENT_IMAGE.test(reference);

const TYPE = "application/vnd.oci.image";
const ARCHITECTURE = process.arch === "arm64" ? "arm64" : "amd64";

/** What an agent's layout differs by. */
export function agentKey(agentFile: string): string {
  const { size, mtimeMs } = statSync(agentFile);
  return `agent-${size}-${Math.floor(mtimeMs)}`;
}

/**
 * Writes the OCI layout of an image with nothing but `/sandbox-api`. The same agent gives the same bytes, so that the steps which copy it
 * are found in the cache of a scope again.
 */
export async function writeAgentLayout(agentFile: string, layoutDir: string): Promise<void> {
  mkdirSync(join(layoutDir, "blobs/sha256"), { recursive: true });
  const tarFile = join(layoutDir, "layer.tar");
  await writeTar(agentFile, tarFile);
  const digest = await digestOf(tarFile);
  const layer = { mediaType: `${TYPE}.layer.v1.tar`, digest, size: statSync(tarFile).size };
  renameSync(tarFile, blobFile(layoutDir, digest));
  const config = addJson(layoutDir, `${TYPE}.config.v1+json`, {
    created: new Date(0).toISOString(),
    architecture: ARCHITECTURE,
    os: "linux",
    config: { Entrypoint: ["/sandbox-api"], WorkingDir: "/" },
    rootfs: { type: "layers", diff_ids: [digest] },
  });
  const mediaType = `${TYPE}.manifest.v1+json`;
  const manifest = addJson(layoutDir, mediaType, { schemaVersion: 2, mediaType, config, layers: [layer] });
  writeFileSync(join(layoutDir, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [manifest] }));
  writeFileSync(join(layoutDir, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
}

/** The agent's program under its public name, of root's and as old as time. */
async function writeTar(agentFile: string, tarFile: string): Promise<void> {
  const name = join(dirname(tarFile), "sandbox-api");
  symlinkSync(agentFile, name);
  const owned = ["--owner=0", "--group=0", "--numeric-owner", "--mode=0755", "--mtime=@0"];
  await runCommand([
    "tar",
    "--create",
    "--dereference",
    ...owned,
    `--file=${tarFile}`,
    `--directory=${dirname(name)}`,
    basename(name),
  ]);
  rmSync(name);
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash("sha256");
  await using handle = await open(file);
  for await (const chunk of handle.createReadStream({ autoClose: false })) hash.update(chunk as Buffer);
  return `sha256:${hash.digest("hex")}`;
}

function addJson(layoutDir: string, mediaType: string, content: object) {
  const text = JSON.stringify(content);
  const digest = `sha256:${createHash("sha256").update(text).digest("hex")}`;
  writeFileSync(blobFile(layoutDir, digest), text);
  return { mediaType, digest, size: Buffer.byteLength(text) };
}

const blobFile = (layoutDir: string, digest: string): string => join(layoutDir, "blobs", digest.replace(":", "/"));
