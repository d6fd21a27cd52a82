import { z } from "zod";
import { WorkspaceName } from "./control-plane.ts";
import { VolumeName, VolumeSizeMiB } from "./volume-attachments.ts";

const Labels = z.record(z.string().min(1).max(256), z.string().max(1024));
const DisplayName = z.string().max(63);
const Description = z.string().max(1024);

/** Name of a volume template, unique in its workspace. */
export const VolumeTemplateName = VolumeName.brand<"VolumeTemplateName">();
export type VolumeTemplateName = z.infer<typeof VolumeTemplateName>;

/** Stands for the newest version that is ready. */
export const LATEST_TEMPLATE_VERSION = "latest";

/** Name of a version, unique in its template. */
export const TemplateVersionName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, "expected 1 to 63 letters, digits, dots, hyphens and underscores")
  .refine((name) => name !== LATEST_TEMPLATE_VERSION, '"latest" stands for the newest version; choose another name')
  .brand<"TemplateVersionName">();
export type TemplateVersionName = z.infer<typeof TemplateVersionName>;

/** Body of `POST` and `PUT /volume_templates`. In a `PUT` an absent key keeps, `null` clears. */
export const VolumeTemplateRequest = z.object({
  metadata: z
    .object({ name: VolumeTemplateName.nullish(), displayName: DisplayName.nullish(), labels: Labels.nullish() })
    .prefault({}),
  /** `defaultSize` in MB, as Blaxel counts: 1024 is 1 GiB. */
  spec: z.object({ defaultSize: VolumeSizeMiB.nullish(), description: Description.nullish() }).prefault({}),
});
export type VolumeTemplateRequest = z.infer<typeof VolumeTemplateRequest>;

/** Query of both: `upload` asks for an address to upload a version to, which `version` names. */
export const VolumeTemplateQuery = z
  .object({
    upload: z.enum(["true", "false"]).optional(),
    version: z.union([z.literal("").transform(() => undefined), TemplateVersionName]).optional(),
  })
  .refine(({ upload, version }) => version === undefined || upload === "true", {
    path: ["version"],
    message: "a version is made by uploading it; add upload=true",
  });
export type VolumeTemplateQuery = z.infer<typeof VolumeTemplateQuery>;

/** `UNPACKING` and `DELETING` are ours alone: clients see `CREATED` for the one, and no version for the other. */
export const TemplateVersionStatus = z.enum(["CREATED", "UNPACKING", "READY", "FAILED", "DELETING"]);
export type TemplateVersionStatus = z.infer<typeof TemplateVersionStatus>;

/** A version as `/volume_templates` answers it. */
export const VolumeTemplateVersionAnswer = z.object({
  name: TemplateVersionName,
  versionId: z.string(),
  templateName: VolumeTemplateName,
  workspace: WorkspaceName,
  status: z.enum(["CREATED", "READY", "FAILED"]),
  /** Bytes of its files; absent until it is ready. */
  contentSize: z.number().optional(),
  /** Why it failed. */
  error: z.string().optional(),
});
export type VolumeTemplateVersionAnswer = z.infer<typeof VolumeTemplateVersionAnswer>;

/** A template as `/volume_templates` answers it. */
export const VolumeTemplateAnswer = z.object({
  metadata: z.object({
    name: VolumeTemplateName,
    displayName: z.string().optional(),
    labels: Labels,
    workspace: WorkspaceName,
    createdAt: z.string(),
    updatedAt: z.string(),
  }),
  spec: z.object({
    /** MB. */
    defaultSize: z.number(),
    description: z.string().optional(),
  }),
  /** `ready` as soon as one version is; `error` when the newest failed and none is ready. */
  state: z.object({
    status: z.enum(["created", "ready", "error"]),
    latestVersion: z.string().optional(),
    versionCount: z.number(),
    lastVersionUploadedAt: z.string().optional(),
  }),
  /** Oldest first. */
  versions: z.array(VolumeTemplateVersionAnswer),
});
export type VolumeTemplateAnswer = z.infer<typeof VolumeTemplateAnswer>;

/** Answer of `DELETE /volume_templates/{name}/versions/{version}`. */
export const VolumeTemplateVersionDeletion = z.object({ message: z.string(), template: VolumeTemplateAnswer });
