import { z } from "zod";

const IsoTimeMs = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));

/** Query of `GET /audit`. */
export const AuditQuery = z.object({
  limit: z.coerce.number().pipe(z.int().min(1).max(200)).default(50),
  cursor: z
    .string()
    .regex(/^[0-9a-z]{1,64}$/, "expected a cursor of this list")
    .optional(),
  /** Id or name of a user or service account, or id of an API key. */
  actor: z.string().max(256).optional(),
  /** Such as `sandboxes.create`. */
  action: z.string().max(256).optional(),
  /** Such as `sandboxes/my-sandbox`; what lies below it is included. */
  resource: z.string().max(1024).optional(),
  since: IsoTimeMs.optional(),
  until: IsoTimeMs.optional(),
});
export type AuditQuery = z.infer<typeof AuditQuery>;

/** Who did what, when, with what result. */
export const AuditEventAnswer = z.object({
  id: z.string(),
  time: z.string(),
  /** Absent when nobody could be told from the request. */
  actor: z
    .object({
      type: z.enum(["user", "service_account"]),
      id: z.string(),
      name: z.string(),
      apiKeyId: z.string().optional(),
    })
    .optional(),
  action: z.string(),
  method: z.string(),
  resource: z.string(),
  /** HTTP status of the answer. */
  status: z.number(),
  /** Why it failed. */
  code: z.string().optional(),
  requestId: z.string(),
  clientAddress: z.string().optional(),
});
export type AuditEventAnswer = z.infer<typeof AuditEventAnswer>;

/** Newest first. */
export const AuditPage = z.object({
  data: z.array(AuditEventAnswer),
  meta: z.object({ hasMore: z.boolean(), nextCursor: z.string() }),
});
export type AuditPage = z.infer<typeof AuditPage>;
