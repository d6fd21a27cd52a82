import type { Variables } from "./variables.ts";

/** An image the build stands on: its OCI layout in the folder of bases, and what the Dockerfile calls it. */
export interface BaseImage {
  readonly folder: string;
  readonly name: string;
}

export interface BuildCommand {
  readonly bases: readonly BaseImage[];
  readonly buildArgs: Variables;
}

/** What of the script failed, by its exit code; another code is the runtime's. */
export const FAILED_PART = { 64: "load", 65: "build", 66: "save" } as const;

/**
 * Removes what a build that was ended left in the cache, takes the bases in and builds. What that came to is written out unless the
 * engine has it from an earlier build.
 */
const SCRIPT = `
exec 2>&1
buildah rm --all > /dev/null
while [ "$1" != -- ]; do
  skopeo copy --quiet --insecure-policy "oci:/input/bases/$1" "containers-storage:$2" || exit 64
  shift 2
done
shift
buildah bud --isolation=chroot --layers --pull=never --format=docker --iidfile=/run/image \\
  --file=/input/Dockerfile "$@" /input/context || exit 65
cp /run/image /storage/out/image-id
if grep --quiet --line-regexp --file=/run/image /input/known-images; then exit 0; fi
buildah push --quiet --disable-compression "$(cat /run/image)" oci:/storage/out/layout || exit 66
`;

/** What a box runs to build its context. */
export function buildCommand({ bases, buildArgs }: BuildCommand): string[] {
  const images = bases.flatMap(({ folder, name }) => [folder, name]);
  const args = Object.entries(buildArgs).map(([name, value]) => `--build-arg=${name}=${value}`);
  const secrets = Object.keys(buildArgs).map((name) => `--secret=id=${name},src=/input/secrets/${name}`);
  return ["/bin/sh", "-c", SCRIPT, "build", ...images, "--", ...args, ...secrets];
}
