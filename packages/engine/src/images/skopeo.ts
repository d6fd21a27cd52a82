import { existsSync, readFileSync } from "node:fs";
import { AppError } from "@dormouse/kernel";
import type { RegistryCredentials } from "@dormouse/schema";
import type { Layout } from "../layout.ts";
import type { SlotPool } from "../network/slots.ts";
import {
  authFile,
  fullName,
  type RegistryMirrors,
  type RegistryReference,
  type RegistryRoute,
  routeTo,
} from "./registries.ts";
import { type ShownFolder, type Tool, type ToolBoxDeps, type ToolRequest, withTool } from "./tool-box.ts";

export interface RegistryDeps extends ToolBoxDeps {
  readonly layout: Pick<Layout, "boxesDir" | "resolvConf">;
  readonly slots: Pick<SlotPool, "acquire" | "recycle">;
  readonly mirrors: RegistryMirrors;
}

export interface SkopeoRun {
  /** Its registry is the one that is spoken to. */
  readonly reference: RegistryReference;
  readonly credentials: RegistryCredentials;
  /** Of `skopeo`, around the address of the image. */
  readonly command: (address: string, options: SkopeoOptions) => readonly string[];
  readonly shown?: readonly ShownFolder[];
  readonly maxFileBytes?: number;
  readonly log?: ((line: string) => void) | undefined;
  readonly signal: AbortSignal;
}

export interface SkopeoOptions {
  readonly tls: "true" | "false";
}

export const AUTH_FILE = "/etc/auth.json";
const TRANSFER_TIMEOUT_MS = 30 * 60_000;

/**
 * What skopeo writes to standard output. A registry of the operator's is reached from the host's network, every other one with the
 * network of a sandbox, so that nobody can have the host ask private addresses.
 * @throws IMAGE_NOT_FOUND, UNAUTHENTICATED, UPSTREAM_UNREACHABLE, INVALID_IMAGE, TOO_LARGE, HOST_FULL
 */
export async function runSkopeo(deps: RegistryDeps, run: SkopeoRun): Promise<string> {
  const { reference, credentials, command, shown = [], log, signal } = run;
  const route = routeTo(reference.registry, deps.mirrors);
  const address = `docker://${route.location}/${reference.repository}${reference.version}`;
  return withNetwork(deps, route, (network, networkFiles) => {
    const request: ToolRequest = {
      purpose: `transfer image "${fullName(reference)}"`,
      command: command(address, { tls: route.isPlain ? "false" : "true" }),
      shown,
      network,
      files: { ...networkFiles, ...SYSTEM_FILES, "auth.json": authFile(reference.registry, route, credentials) },
      ...(run.maxFileBytes !== undefined && { maxFileBytes: run.maxFileBytes }),
      timeoutMs: TRANSFER_TIMEOUT_MS,
      signal,
    };
    return withTool(deps, request, (tool) => readAnswer(tool, { reference, location: route.location, log }));
  });
}

const SYSTEM_FILES = {
  passwd: "root:x:0:0::/tmp:/bin/sh\n",
  "nsswitch.conf": "hosts: files dns\n",
};
const CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt";

const copyOf = (file: string): string => (existsSync(file) ? readFileSync(file, "utf8") : "");

type Network = NonNullable<ToolRequest["network"]>;
type Files = NonNullable<ToolRequest["files"]>;

async function withNetwork<T>(
  { slots, layout }: RegistryDeps,
  { isTrusted }: RegistryRoute,
  use: (network: Network, files: Files) => Promise<T>,
): Promise<T> {
  const certificates = { "ca-certificates.crt": copyOf(CERTIFICATES) };
  if (isTrusted) {
    return use("host", { ...certificates, "resolv.conf": copyOf("/etc/resolv.conf"), hosts: copyOf("/etc/hosts") });
  }
  const slot = await slots.acquire();
  try {
    const files = { ...certificates, "resolv.conf": copyOf(layout.resolvConf()), hosts: "127.0.0.1 localhost\n" };
    return await use({ namespaceFile: `/run/netns/${slot.name}` }, files);
  } finally {
    await slots.recycle(slot);
  }
}

/** Of a POSIX shell. */
const COMMAND_NOT_FOUND = 127;
const ANSWER_MAX_BYTES = 8 * 1024 * 1024;

interface Question {
  readonly reference: RegistryReference;
  /** Where the operator has the registry is nobody else's business. */
  readonly location: string;
  readonly log: SkopeoRun["log"];
}

async function readAnswer(tool: Tool, { reference, location, log }: Question): Promise<string> {
  const asNamed = (text: string): string => text.replaceAll(location, reference.registry);
  tool.end();
  if (log !== undefined) tool.onLine((line) => log(asNamed(line)));
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of tool.output) {
    sizeBytes += chunk.length;
    if (sizeBytes > ANSWER_MAX_BYTES)
      throw new AppError("TOO_LARGE", "Cannot use the image: its manifest is too large");
    chunks.push(chunk);
  }
  const { exitCode, complaint } = await tool.ended;
  if (exitCode === COMMAND_NOT_FOUND) {
    const hint = "Install the Debian package skopeo";
    throw new AppError("HOST_UNSUITABLE", "Cannot transfer images: skopeo is missing", { hint });
  }
  if (exitCode !== 0) throw failedTransfer(reference, asNamed(complaint));
  return Buffer.concat(chunks).toString("utf8");
}

interface Explanation {
  readonly pattern: RegExp;
  readonly code:
    | "IMAGE_NOT_FOUND"
    | "UNAUTHENTICATED"
    | "UPSTREAM_UNREACHABLE"
    | "HOST_FULL"
    | "TOO_LARGE"
    | "INVALID_IMAGE";
  readonly state: string;
  readonly hint?: string;
}

/** In skopeo's words and those of registries (OCI distribution specification). The first that fits. */
const EXPLANATIONS: readonly Explanation[] = [
  {
    pattern: /unauthorized|authentication required|access to the resource is denied|denied:|status: 40[13]/i,
    code: "UNAUTHENTICATED",
    state: "its registry refuses",
    hint: "It may not exist, or it takes credentials that these are not",
  },
  {
    pattern: /manifest unknown|name unknown|NAME_UNKNOWN|not found/i,
    code: "IMAGE_NOT_FOUND",
    state: "its registry has no such image",
  },
  { pattern: /no space left on device/i, code: "HOST_FULL", state: "the disk is full" },
  { pattern: /file too large/i, code: "TOO_LARGE", state: "a layer is larger than its manifest says" },
  {
    pattern: /does not match|digest mismatch|unsupported|no image found in/i,
    code: "INVALID_IMAGE",
    state: "what its registry sends is no image this machine can use",
  },
  {
    pattern:
      /no such host|connection refused|no route to host|network is unreachable|timeout|reset by peer|x509|tls|EOF|server gave HTTP|dial tcp|server misbehaving|status: 5\d\d|status code 5\d\d/i,
    code: "UPSTREAM_UNREACHABLE",
    state: "its registry cannot be reached",
    hint: "Registries in private networks must be named by the operator, in DORMOUSE_REGISTRIES",
  },
];

function failedTransfer(reference: RegistryReference, complaint: string): AppError {
  const found = EXPLANATIONS.find(({ pattern }) => pattern.test(complaint));
  const said = /msg="(.*)"\s*$/.exec(complaint.trim().split("\n").at(-1) ?? "")?.[1] ?? complaint.trim();
  const { code, state, hint } = found ?? {
    code: "UPSTREAM_UNREACHABLE",
    state: "the transfer failed",
    hint: undefined,
  };
  return new AppError(code, `Cannot transfer image "${fullName(reference)}": ${state}`, {
    ...(hint !== undefined && { hint }),
    details: { said: said.slice(-1024) },
  });
}
