import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Registry, type RegistryOptions } from "@dormouse/engine/testkit";

const TOOLS = ["sh", "cat", "chmod", "cp", "echo", "ls", "mkdir", "pwd", "sleep", "test"];

/** A registry with one small image, which has a shell: no base of the Docker Hub can be had here. */
export async function startRegistryWith(image: string, options: RegistryOptions = {}): Promise<Registry> {
  const registry = await Registry.start(options);
  const root = mkdtempSync(join(tmpdir(), "dormouse-root-"));
  try {
    chmodSync(root, 0o755);
    for (const folder of ["bin", "etc", "tmp"]) mkdirSync(join(root, folder));
    copyFileSync("/bin/busybox", join(root, "bin/busybox"));
    chmodSync(join(root, "bin/busybox"), 0o755);
    for (const tool of TOOLS) symlinkSync("busybox", join(root, "bin", tool));
    writeFileSync(join(root, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
    await registry.push(image, root, { env: { PATH: "/usr/local/bin:/bin" }, cmd: ["/bin/sh"] });
    return registry;
  } finally {
    rmSync(root, { recursive: true });
  }
}
