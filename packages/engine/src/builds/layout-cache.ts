import { existsSync, readdirSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { SingleFlight } from "@dormouse/kernel";
import { runCommand } from "../run-command.ts";

/*
 * OCI layouts of what many builds begin with: our agent and our public images. Each is written once and then linked into the folders of
 * builds, which change none of its files.
 */

const PREFIX = "layout-";
/** Builds that need one at once make it once. */
const making = new SingleFlight<void>();

export interface CachedLayout {
  readonly cachesDir: string;
  /** Differs where the content does. */
  readonly key: string;
  /** Writes it into a new folder. */
  readonly make: (layoutDir: string) => Promise<void>;
}

/** Puts the layout at `target`, made before where it is not there yet. */
export async function linkCachedLayout({ cachesDir, key, make }: CachedLayout, target: string): Promise<void> {
  const dir = join(cachesDir, `${PREFIX}${key}`);
  await making.run(dir, async () => {
    if (existsSync(dir)) return;
    await rm(`${dir}.new`, { recursive: true, force: true });
    await make(`${dir}.new`);
    await rename(`${dir}.new`, dir);
  });
  await runCommand(["cp", "--recursive", "--link", dir, target]);
}

/** Nothing may be building. */
export async function removeCachedLayouts(cachesDir: string): Promise<void> {
  const names = readdirSync(cachesDir).filter((name) => name.startsWith(PREFIX));
  await Promise.all(names.map((name) => rm(join(cachesDir, name), { recursive: true, force: true })));
}
