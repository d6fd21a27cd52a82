import { z } from "zod";
import { WorkspaceName } from "./control-plane.ts";
import { DomainName } from "./domain-name.ts";

const Labels = z.record(z.string().min(1).max(256), z.string().max(1024));
const DisplayName = z.string().max(63);
const Region = z.string().regex(/^[a-z0-9-]{1,64}$/, "expected lower-case letters, digits and hyphens");
const DomainType = z.literal("previews", "this server offers domains for previews only");
/** Where it leads is looked up among the previews of the workspace. */
const FallbackPreview = z.string().max(128);

/** Clients send `null` and leave keys out alike; both mean "not set" when something is created. */
const unset = <T extends z.ZodType>(schema: T) => schema.nullish().transform((value) => value ?? undefined);

/** Body of `POST /customdomains`. */
export const CustomDomainCreateRequest = z.object({
  metadata: z.object({ name: DomainName, displayName: unset(DisplayName), labels: unset(Labels) }),
  spec: z.object({ region: unset(Region), domainType: unset(DomainType) }).prefault({}),
});
export type CustomDomainCreateRequest = z.infer<typeof CustomDomainCreateRequest>;

/** Body of `PUT /customdomains/{domain}`: the object a GET gave, changed. An absent key keeps, `null` or `""` clears. */
export const CustomDomainUpdateRequest = z.object({
  metadata: z.object({ displayName: DisplayName.nullish(), labels: Labels.nullish() }).prefault({}),
  spec: z
    .object({
      /** Id, prefix on this domain, or name of a preview of the workspace. */
      fallbackPreviewId: FallbackPreview.nullish(),
    })
    .prefault({}),
});
export type CustomDomainUpdateRequest = z.infer<typeof CustomDomainUpdateRequest>;

export const CustomDomainStatus = z.enum(["pending", "verified", "failed"]);
export type CustomDomainStatus = z.infer<typeof CustomDomainStatus>;

/** A domain as `/customdomains` answers it, with what its owner has to put into DNS. */
export const CustomDomainAnswer = z.object({
  metadata: z.object({
    name: DomainName,
    displayName: z.string().optional(),
    labels: Labels,
    workspace: WorkspaceName,
    /** The workspace that owns it, where that is another one. */
    sharedFromWorkspace: WorkspaceName.optional(),
    createdAt: z.string(),
    updatedAt: z.string(),
  }),
  spec: z.object({
    domainType: z.literal("previews"),
    status: CustomDomainStatus,
    /** Name → value: proves who the domain belongs to. */
    txtRecords: z.record(z.string(), z.string()),
    /** What the names below the domain point to; absent where this server has no name in DNS. */
    cnameRecords: z.string().optional(),
    region: z.string().optional(),
    fallbackPreviewId: z.string().optional(),
    /** When DNS was last asked. */
    lastVerifiedAt: z.string().optional(),
    /** Why it failed. */
    verificationError: z.string().optional(),
  }),
});
export type CustomDomainAnswer = z.infer<typeof CustomDomainAnswer>;

/** Instead of a workspace: all those of the account. */
export const WHOLE_ACCOUNT = "account";

/** Body of `POST /customdomains/{domain}/share`. */
export const CustomDomainShareRequest = z.object({
  /** Name of a workspace, or `account` for every one of the account. */
  targetWorkspace: z.string().min(1).max(64),
});
export type CustomDomainShareRequest = z.infer<typeof CustomDomainShareRequest>;

export const CustomDomainShareAnswer = z.object({
  status: z.literal("active"),
  workspace: z.string(),
  workspaceDisplayName: z.string(),
});
export type CustomDomainShareAnswer = z.infer<typeof CustomDomainShareAnswer>;
