import { exportOciLayout } from "../src/images/export-layout.ts";
import { ImageTools } from "./image-tools.ts";
import { layersOf, writeLayout } from "./oci-layout.ts";
import type { Registry } from "./registry.ts";

/** Alpine's package manager in words of Debian's: there is no registry of Alpine packages here, and names are mostly the same. */
const APK = `#!/bin/sh -eu
command=$1 && shift
case $command in
  update) exec apt-get update ;;
  add) ;;
  *) echo "apk: this one knows update and add" >&2; exit 2 ;;
esac
for package in "$@"; do
  case $package in -*) ;; *) packages="\${packages:-} $package" ;; esac
done
exec env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $packages
`;

/**
 * Puts `library/node:23-slim` and `library/node:22-alpine` into a registry, both made of the base image of a data folder: Debian with
 * Node, the latter with an `apk` that asks Debian for what Alpine has.
 */
export async function pushNodeImages(registry: Registry, dataDir: string): Promise<void> {
  await using tools = await ImageTools.open(dataDir);
  const image = tools.deps.images.resolve("base-image");
  const layoutDir = tools.folder();
  await exportOciLayout(tools.deps, { image, layoutDir });
  await registry.pushLayout("library/node:23-slim", layoutDir);
  const lower = await layersOf(layoutDir);
  const tarFile = tools.tar([{ name: "usr/sbin/apk", content: APK, mode: 0o755 }]);
  const Env = Object.entries(image.config.env).map(([name, value]) => `${name}=${value}`);
  await writeLayout(layoutDir, { lower, layers: [{ tarFile }], config: { Env, Cmd: ["node"] } });
  await registry.pushLayout("library/node:22-alpine", layoutDir);
}
