import { z } from "zod";
import { ExternalId, ResourceEvent, SandboxListQuery, WorkspaceName } from "./control-plane.ts";
import { VolumeName, VolumeSizeMiB } from "./volume-attachments.ts";

const Labels = z.record(z.string().min(1).max(256), z.string().max(1024));
const DisplayName = z.string().max(63);
const Region = z.string().regex(/^[a-z0-9-]{1,64}$/, "expected lower-case letters, digits and hyphens");

/** Clients send `null` and leave keys out alike; both mean "not set" when something is created. */
const unset = <T extends z.ZodType>(schema: T) => schema.nullish().transform((value) => value ?? undefined);

/** Body of `POST /volumes`. */
export const VolumeCreateRequest = z.object({
  metadata: z
    .object({
      name: unset(VolumeName),
      displayName: unset(DisplayName),
      externalId: unset(ExternalId),
      labels: unset(Labels),
    })
    .prefault({}),
  spec: z
    .object({
      /** MB, as Blaxel counts: 1024 is 1 GiB, and what a volume has unless its template says otherwise. */
      size: unset(VolumeSizeMiB),
      region: unset(Region),
      /** `name`, `name:version` or `name:latest` of a volume template. */
      template: unset(z.string().max(256)),
    })
    .prefault({}),
});
export type VolumeCreateRequest = z.infer<typeof VolumeCreateRequest>;

/** Body of `PUT /volumes/{name}`: the object a GET gave, changed. An absent key keeps, `null` clears. */
export const VolumeUpdateRequest = z.object({
  metadata: z
    .object({ displayName: DisplayName.nullish(), externalId: ExternalId.nullish(), labels: Labels.nullish() })
    .prefault({}),
  spec: z.object({ size: VolumeSizeMiB.nullish(), template: z.string().nullish() }).prefault({}),
});
export type VolumeUpdateRequest = z.infer<typeof VolumeUpdateRequest>;

const { limit, cursor, sort, q, externalId } = SandboxListQuery.shape;

/** Query of `GET /volumes`. */
export const VolumeListQuery = z.object({ limit, cursor, sort, q, externalId });
export type VolumeListQuery = z.infer<typeof VolumeListQuery>;

export const VolumeStatus = z.enum(["DEPLOYING", "DEPLOYED", "DELETING"]);
export type VolumeStatus = z.infer<typeof VolumeStatus>;

/** A volume as `/volumes` answers it. */
export const VolumeAnswer = z.object({
  metadata: z.object({
    name: VolumeName,
    displayName: z.string().optional(),
    externalId: z.string().optional(),
    labels: Labels,
    workspace: WorkspaceName,
    createdAt: z.string(),
    updatedAt: z.string(),
  }),
  spec: z.object({
    /** MB. */
    size: z.number(),
    region: z.string().optional(),
    /** `name:version` of what it was made of. */
    template: z.string().optional(),
  }),
  /** `attachedTo` is `sandbox:<name>`, absent while the volume is free. */
  state: z.object({ attachedTo: z.string().optional() }),
  status: VolumeStatus,
  events: z.array(ResourceEvent),
});
export type VolumeAnswer = z.infer<typeof VolumeAnswer>;
