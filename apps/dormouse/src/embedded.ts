import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, parse } from "node:path";
import { runCommand } from "@dormouse/engine";

/** As `scripts/setup.sh` calls it; the build puts a hash of its content between name and extension. */
const ARCHIVE = /^installation-\w+\.tzst$/;

/** In the unpacked folder: where the server finds the executable itself. */
export const EXECUTABLE_NAME = "dormouse";

/**
 * Unpacks the files in this executable, root's and readable by all, once for their content. Resolves to their folder, which
 * is either whole or not there.
 */
export async function unpackEmbedded(cacheDir: string): Promise<string> {
  // They have names, which the type does not say.
  const files = Bun.embeddedFiles as readonly File[];
  const archive = files.find(({ name }) => ARCHIVE.test(name));
  if (archive === undefined) throw new Error("Cannot unpack the executable: it was built without its files");
  const dir = join(cacheDir, parse(archive.name).name);
  if (existsSync(dir)) return dir;
  mkdirSync(cacheDir, { recursive: true, mode: 0o755 });
  const unfinished = mkdtempSync(`${dir}.`);
  try {
    await unpack(archive, unfinished);
    renameSync(unfinished, dir);
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    // Another start may have been faster.
    if (!existsSync(dir)) throw error;
  }
  return dir;
}

async function unpack(archive: Blob, dir: string): Promise<void> {
  chmodSync(dir, 0o755);
  const stdin = archive.stream().pipeThrough(new DecompressionStream("zstd"));
  const tar = Bun.spawn(["tar", "--extract", "--same-permissions", `--directory=${dir}`], { stdin, stderr: "pipe" });
  const [complaint, exitCode] = await Promise.all([tar.stderr.text(), tar.exited]);
  if (exitCode !== 0) throw new Error(`Cannot unpack the executable into "${dir}": ${complaint.split("\n", 1)[0]}`);
  writeFileSync(join(dir, EXECUTABLE_NAME), "");
  // On the disk before it has its name: a machine that loses power then has all of it or nothing.
  const files = readdirSync(dir, { recursive: true, encoding: "utf8" }).map((name) => join(dir, name));
  await runCommand(["sync", dir, ...files]);
}
