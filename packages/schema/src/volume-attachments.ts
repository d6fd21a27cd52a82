import { z } from "zod";

/** Name of a volume, unique in its workspace. */
export const VolumeName = z
  .string()
  .regex(
    /^[a-z0-9]([a-z0-9-]{0,47}[a-z0-9])?$/,
    "expected 1 to 49 lower-case letters, digits and hyphens, starting and ending with a letter or digit",
  )
  .brand<"VolumeName">();
export type VolumeName = z.infer<typeof VolumeName>;

/** 16 TiB: what the file system of a volume can hold. */
const VOLUME_MAX_MIB = 16_777_216;
export const VolumeSizeMiB = z.int().min(1).max(VOLUME_MAX_MIB);

/** Most volumes one sandbox may have. */
export const VOLUMES_MAX_COUNT = 16;

/** The kernel's: nothing may be mounted on, in or above them. */
const KERNEL_TREES = ["/proc", "/sys", "/dev"];
/** What a sandbox cannot start or be reached without: nothing may be mounted on or above them. */
const SYSTEM_PATHS = [
  "/etc/hosts",
  "/etc/resolv.conf",
  "/usr/local/bin/sandbox-api",
  "/bin",
  "/sbin",
  "/lib",
  "/lib64",
  "/usr/bin",
  "/usr/lib",
];

/** Where a volume shows inside a sandbox: an absolute, normalised path that hides nothing a sandbox needs. */
export const MountPath = z
  .string()
  .max(1024)
  .superRefine((path, context) => {
    const problem = problemOf(path);
    if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
  });

function problemOf(path: string): string | undefined {
  const [root, ...names] = path.split("/");
  const isPlain = names.every((name) => !["", ".", ".."].includes(name) && name.length <= 255);
  // oxlint-disable-next-line no-control-regex
  if (root !== "" || !isPlain || /[\x00-\x1f\x7f]/.test(path)) {
    return 'expected an absolute path without "." and ".." parts and without a slash at the end, such as "/data"';
  }
  const isOrIsIn = (inner: string, outer: string): boolean => `${inner}/`.startsWith(`${outer}/`);
  const taken = [...KERNEL_TREES, ...SYSTEM_PATHS].find((reserved) => isOrIsIn(reserved, path));
  const tree = KERNEL_TREES.find((reserved) => isOrIsIn(path, reserved));
  const reserved = taken ?? tree;
  return reserved && `a volume there would hide "${reserved}", which the sandbox needs; mount it elsewhere`;
}

const orDefault =
  <T>(fallback: T) =>
  (value: T | null | undefined) =>
    value ?? fallback;

/** A volume as a sandbox asks for it: one of the workspace by name, or an ephemeral one that lives as long as the sandbox. */
export const VolumeAttachment = z
  .object({
    name: VolumeName.nullish().transform((name) => name ?? undefined),
    mountPath: MountPath,
    readOnly: z.boolean().nullish().transform(orDefault(false)),
    type: z
      .enum(["persistent", "ephemeral"])
      .nullish()
      .transform((type) => type ?? ("persistent" as const)),
    /** MB, as Blaxel counts: 1024 is 1 GiB. Only for ephemeral ones. */
    sizeMb: VolumeSizeMiB.nullish().transform((sizeMb) => sizeMb ?? undefined),
  })
  .superRefine(({ name, type, sizeMb }, context) => {
    const refuse = (field: string, message: string) => context.addIssue({ code: "custom", path: [field], message });
    if (type === "persistent" && name === undefined) refuse("name", "expected the name of a volume");
    if (type === "ephemeral" && sizeMb === undefined) refuse("sizeMb", "expected the size of the ephemeral volume");
    if (type === "persistent" && sizeMb !== undefined) {
      refuse("sizeMb", "the size of a persistent volume is its own; leave it out");
    }
  });
export type VolumeAttachment = z.infer<typeof VolumeAttachment>;

/** The volumes of one sandbox, each at a path and with a name of its own. */
export const VolumeAttachments = z
  .array(VolumeAttachment)
  .max(VOLUMES_MAX_COUNT)
  .superRefine((volumes, context) => {
    const paths = volumes.map(({ mountPath }) => mountPath);
    const names = volumes.flatMap(({ name, type }) => (type === "persistent" && name !== undefined ? [name] : []));
    for (const double of [...doubles(paths), ...doubles(names)]) {
      context.addIssue({ code: "custom", message: `"${double}" is there twice; each volume needs a path of its own` });
    }
  });

const doubles = (values: readonly string[]): string[] =>
  values.filter((value, index) => values.indexOf(value) !== index);
