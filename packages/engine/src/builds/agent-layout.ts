import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { runCommand } from "../run-command.ts";

/** Images in which the stock documentation finds sandbox-api: each stands for our own agent, whatever its tag. */
const AGENT_IMAGE = /^ghcr\.io\/blaxel-ai\/sandbox(?:[:@]|$)/;

export const isAgentImage = (reference: string): boolean => AGENT_IMAGE.test(reference);

const PREFIX = "agent-";
const TYPE = "application/vnd.oci.image";
const ARCHITECTURE = process.arch === "arm64" ? "arm64" : "amd64";

/**
 * The OCI layout of an image with nothing but `/sandbox-api`, made where it is not in `cachesDir` yet. The same agent gives the same
 * bytes, so that the steps which copy it are found in the cache of a scope again.
 */
export async function agentLayout(agentFile: string, cachesDir: string): Promise<string> {
  const { size, mtimeMs } = statSync(agentFile);
  const layoutDir = join(cachesDir, `${PREFIX}${size}-${Math.floor(mtimeMs)}`);
  if (existsSync(layoutDir)) return layoutDir;
  const others = readdirSync(cachesDir).filter((name) => name.startsWith(PREFIX));
  for (const name of others) rmSync(join(cachesDir, name), { recursive: true, force: true });
  await makeLayout(agentFile, layoutDir);
  return layoutDir;
}

async function makeLayout(agentFile: string, layoutDir: string): Promise<void> {
  const draft = `${layoutDir}.new`;
  mkdirSync(join(draft, "blobs/sha256"), { recursive: true });
  const tarFile = join(draft, "layer.tar");
  await writeTar(agentFile, tarFile);
  const digest = await digestOf(tarFile);
  const layer = { mediaType: `${TYPE}.layer.v1.tar`, digest, size: statSync(tarFile).size };
  renameSync(tarFile, blobFile(draft, digest));
  const config = addJson(draft, `${TYPE}.config.v1+json`, {
    created: new Date(0).toISOString(),
    architecture: ARCHITECTURE,
    os: "linux",
    config: { Entrypoint: ["/sandbox-api"], WorkingDir: "/" },
    rootfs: { type: "layers", diff_ids: [digest] },
  });
  const mediaType = `${TYPE}.manifest.v1+json`;
  const manifest = addJson(draft, mediaType, { schemaVersion: 2, mediaType, config, layers: [layer] });
  writeFileSync(join(draft, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [manifest] }));
  writeFileSync(join(draft, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  renameSync(draft, layoutDir);
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
