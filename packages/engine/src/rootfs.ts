import { chownSync, mkdirSync, writeFileSync } from "node:fs";
import type { EngineSandboxSpec } from "@dormouse/schema";
import type { SandboxFiles } from "./layout.ts";
import { detachMount, mountOverlay } from "./syscalls.ts";
import { MAPPED_ROOT_ID } from "./user-namespace.ts";

/** Makes the folder of a new sandbox. The writable layer belongs to root inside; all else stays with the engine. */
export function prepareFiles(files: SandboxFiles): void {
  mkdirSync(files.dataDir, { mode: 0o700 });
  for (const folder of [files.upper, files.work]) mkdirSync(folder);
  chownSync(files.upper, MAPPED_ROOT_ID, MAPPED_ROOT_ID);
}

/** Makes what a start needs; a reboot takes it away. */
export function prepareRunFiles(spec: EngineSandboxSpec, files: SandboxFiles): void {
  mkdirSync(files.rootfs, { recursive: true });
  writeFileSync(files.hosts, `127.0.0.1 localhost ${spec.hostname}\n::1 localhost ip6-localhost ip6-loopback\n`);
  chownSync(files.hosts, MAPPED_ROOT_ID, MAPPED_ROOT_ID);
}

/**
 * Runs `use` while the sandbox's root is mounted for the engine. A sandbox that `use` started holds the mount from then on,
 * so nothing is left to unmount when it is deleted.
 */
export async function withRootfs<T>(layers: readonly string[], files: SandboxFiles, use: () => Promise<T>): Promise<T> {
  mountOverlay({ lower: layers, upper: files.upper, work: files.work }, files.rootfs);
  try {
    return await use();
  } finally {
    detachMount(files.rootfs);
  }
}
