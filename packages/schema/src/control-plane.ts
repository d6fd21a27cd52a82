import { z } from "zod";
import { DomainName } from "./domain-name.ts";
import { Duration } from "./duration.ts";
import { VolumeAttachments } from "./volume-attachments.ts";
import { SandboxExtraArgs, SandboxFailure, SandboxLifecycle } from "./sandbox-lifecycle.ts";

/** Most bytes a control-plane request body may have. */
export const REQUEST_BODY_MAX_BYTES = 1024 * 1024;

/** What stands in an answer where a secret value is kept back; sent back unchanged it means "keep". */
export const SECRET_MASK = "********";

const RESERVED_PORTS: Readonly<Record<number, string>> = {
  80: "port 80 is reserved for the system",
  443: "port 443 is reserved for the sandbox API over HTTPS",
  8080: "port 8080 is reserved: the sandbox API itself listens there",
};

const PortNumber = z.int().min(1).max(65_535);
const IsoTime = z.iso.datetime({ offset: true, error: 'expected a time such as "2030-01-01T00:00:00Z"' });
const Labels = z.record(z.string().min(1).max(256), z.string().max(1024));
const JsonObject = z.record(z.string(), z.unknown());

/** Clients send `null` and leave keys out alike; both mean "not set" when something is created. */
const unset = <T extends z.ZodType>(schema: T) => schema.nullish().transform((value) => value ?? undefined);

/** Name of a sandbox, unique among the live ones of its workspace. */
export const SandboxName = z
  .string()
  .regex(
    /^[a-z0-9]([a-z0-9-]{0,47}[a-z0-9])?$/,
    "expected 1 to 49 lower-case letters, digits and hyphens, starting and ending with a letter or digit",
  )
  .brand<"SandboxName">();
export type SandboxName = z.infer<typeof SandboxName>;

export const WorkspaceName = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/, "expected 1 to 40 lower-case letters, digits and hyphens")
  .brand<"WorkspaceName">();
export type WorkspaceName = z.infer<typeof WorkspaceName>;

export const PreviewName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, "expected 1 to 63 letters, digits, dots, underscores and hyphens")
  .brand<"PreviewName">();
export type PreviewName = z.infer<typeof PreviewName>;

export const ExternalId = z.string().regex(/^[A-Za-z0-9-]{1,64}$/, "expected 1 to 64 letters, digits and hyphens");

export const SandboxStatus = z.enum([
  "UPLOADING",
  "BUILDING",
  "BUILT",
  "DEPLOYING",
  "DEPLOYED",
  "FAILED",
  "DEACTIVATING",
  "DEACTIVATED",
  "DELETING",
  "TERMINATED",
  "ARCHIVING",
  "ARCHIVED",
  "UNARCHIVING",
]);
export type SandboxStatus = z.infer<typeof SandboxStatus>;

/** A port the sandbox exposes. Blaxel's clients write the protocol in upper case, `blaxel.toml` in lower case. */
const SandboxPort = z.object({
  name: unset(z.string().max(63)),
  target: PortNumber.superRefine((port, context) => {
    const reason = RESERVED_PORTS[port];
    if (reason !== undefined) context.addIssue({ code: "custom", message: `${reason}; choose another port` });
  }),
  protocol: z
    .string()
    .toUpperCase()
    .pipe(z.enum(["HTTP", "TCP", "UDP", "TLS"]))
    .default("HTTP"),
});

const SandboxEnv = z.object({
  name: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "expected letters, digits and underscores, not starting with a digit"),
  value: z.string().refine((value) => !value.includes("\0"), "must not contain a NUL character"),
  secret: z.boolean().optional(),
});
export type SandboxEnv = z.infer<typeof SandboxEnv>;

const ImageReference = z
  .string()
  .max(256)
  .regex(
    /^[a-z0-9]+([._-]+[a-z0-9]+)*(\/[a-z0-9]+([._-]+[a-z0-9]+)*)*(:\w[\w.-]{0,127})?$/,
    'expected "name", "name:tag", "sandbox/name:tag" or "blaxel/name:tag"',
  );

/** MB, as Blaxel counts: 4096 is 4 GiB. */
const MemoryMb = z.int().min(128);

export const SandboxRuntime = z.object({
  image: ImageReference.default("blaxel/base-image:latest"),
  memory: MemoryMb.default(4096),
  ports: unset(z.array(SandboxPort).max(100)),
  envs: unset(z.array(SandboxEnv).max(1000)),
  ttl: unset(Duration),
  expires: unset(IsoTime),
  generation: z.string().max(16).default("mk3"),
  snapshotEnabled: unset(z.boolean()),
  extraArgs: unset(SandboxExtraArgs),
  storageMb: unset(z.never("this server cannot limit the root disk; leave it out")),
  terminationGracePeriodSeconds: unset(z.int().min(0)),
});

/** What a sandbox was asked to be, defaults filled in: stored as it is and echoed with secrets masked. */
export const SandboxSpec = z.object({
  region: unset(z.string().regex(/^[a-z0-9-]{1,64}$/, "expected lower-case letters, digits and hyphens")),
  enabled: unset(z.boolean()),
  runtime: SandboxRuntime.prefault({}),
  lifecycle: unset(SandboxLifecycle),
  volumes: unset(VolumeAttachments),
});
export type SandboxSpec = z.infer<typeof SandboxSpec>;

/** Parts of a sandbox this server cannot give yet; the use case refuses them instead of ignoring them. */
const Unavailable = { network: JsonObject.nullish() };

/** Body of `POST /sandboxes`. Unknown keys are dropped: clients send their own beside ours. */
export const SandboxCreateRequest = z.object({
  metadata: z
    .object({
      name: unset(SandboxName),
      displayName: unset(z.string().max(63)),
      externalId: unset(ExternalId),
      labels: unset(Labels),
    })
    .prefault({}),
  spec: SandboxSpec.extend(Unavailable).prefault({}),
});
export type SandboxCreateRequest = z.infer<typeof SandboxCreateRequest>;

/** Body of `PUT /sandboxes/{name}`: the object a GET gave, changed. An absent key keeps, `null` clears. */
export const SandboxUpdateRequest = z.object({
  metadata: z
    .object({
      displayName: z.string().max(63).nullish(),
      externalId: ExternalId.nullish(),
      labels: Labels.nullish(),
    })
    .prefault({}),
  spec: z
    .object({
      enabled: z.boolean().nullish(),
      runtime: z
        .object({
          image: ImageReference.optional(),
          memory: MemoryMb.optional(),
          envs: z.array(z.object({ name: z.string(), value: z.string().optional() })).nullish(),
          ttl: z.preprocess((value) => (value === "" ? null : value), Duration.nullish()),
          expires: z.preprocess((value) => (value === "" ? null : value), IsoTime.nullish()),
          extraArgs: z.record(z.string(), z.string()).nullish(),
        })
        .prefault({}),
      lifecycle: SandboxLifecycle.nullish(),
      volumes: VolumeAttachments.nullish(),
      ...Unavailable,
    })
    .prefault({}),
});
export type SandboxUpdateRequest = z.infer<typeof SandboxUpdateRequest>;

export const SandboxSort = z.enum(["createdAt:desc", "createdAt:asc", "name:asc", "name:desc"]);
export type SandboxSort = z.infer<typeof SandboxSort>;

const QueryFlag = z.enum(["true", "false"]).transform((value) => value === "true");

const PAGE_MAX_LENGTH = 200;
const SEARCH_MIN_LENGTH = 2;

/** Query of `GET /sandboxes`. As Blaxel does: a longer page is cut to 200, a shorter search finds everything. */
export const SandboxListQuery = z
  .object({
    limit: z.coerce
      .number()
      .pipe(z.int().min(1))
      .transform((limit) => Math.min(limit, PAGE_MAX_LENGTH))
      .optional(),
    cursor: z.string().optional(),
    sort: SandboxSort.default("createdAt:desc"),
    q: z
      .string()
      .trim()
      .max(200)
      .transform((words) => (words.length < SEARCH_MIN_LENGTH ? undefined : words))
      .optional(),
    /** Takes precedence over `showTerminated`. */
    status: z
      .string()
      .transform((list) => list.toUpperCase().split(","))
      .pipe(z.array(SandboxStatus))
      .optional(),
    externalId: z.string().optional(),
    showTerminated: QueryFlag.default(false),
    /** The last page first; its cursor leads to the one before. */
    anchor: z.literal("end").optional(),
  })
  .refine(({ anchor, sort }) => anchor === undefined || sort.startsWith("createdAt"), {
    path: ["anchor"],
    message: "only lists sorted by createdAt can start at their end",
  });
export type SandboxListQuery = z.infer<typeof SandboxListQuery>;

const HeaderMap = z.record(
  z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/, "expected an HTTP header name"),
  z
    .string()
    .max(8192)
    .regex(/^[\t\x20-\x7e\x80-\xff]*$/, "expected an HTTP header value without line breaks"),
);

/** What a preview was asked to be, defaults filled in. */
export const PreviewSpec = z.object({
  /** 443 stands for the sandbox API itself, any other port for what listens there inside the sandbox. */
  port: PortNumber.superRefine((port, context) => {
    if (port === 80) context.addIssue({ code: "custom", message: "port 80 is reserved for the system" });
    if (port === 8080) {
      context.addIssue({ code: "custom", message: "port 8080 is reserved; use port 443 to reach the sandbox API" });
    }
  }),
  public: z
    .boolean()
    .nullish()
    .transform((isPublic) => isPublic ?? false),
  prefixUrl: unset(
    z.string().regex(/^[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?$/, "expected lower-case letters, digits and hyphens"),
  ),
  /** Its host is this domain, with `prefixUrl` and a dot in front if there is one. */
  customDomain: z.preprocess((value) => (value === "" ? undefined : value), unset(DomainName)),
  expires: unset(IsoTime),
  ttl: unset(Duration),
  /** Ours: `localhost` shows the app `localhost:PORT` as its host and origin, for dev servers that refuse any other. */
  hostHeader: unset(z.literal("localhost")),
  requestHeaders: unset(HeaderMap),
  responseHeaders: unset(HeaderMap),
});
export type PreviewSpec = z.infer<typeof PreviewSpec>;

/** Body of `POST /sandboxes/{name}/previews`. */
export const PreviewCreateRequest = z.object({
  metadata: z.object({ name: unset(PreviewName), displayName: unset(z.string().max(63)) }).prefault({}),
  spec: PreviewSpec,
});
export type PreviewCreateRequest = z.infer<typeof PreviewCreateRequest>;

/** Body of `POST …/previews/{preview}/tokens`. Without `expiresAt` the token lasts as long as its preview. */
export const PreviewTokenCreateRequest = z.object({
  metadata: z.object({ name: unset(z.string().min(1).max(128)) }).prefault({}),
  spec: z.object({ expiresAt: unset(IsoTime) }).prefault({}),
});
export type PreviewTokenCreateRequest = z.infer<typeof PreviewTokenCreateRequest>;

/** Something that happened to a resource, oldest first in its `events`. */
export const ResourceEvent = z.object({
  type: z.string(),
  status: z.string(),
  message: z.string(),
  /** ISO 8601. */
  time: z.string(),
});
export type ResourceEvent = z.infer<typeof ResourceEvent>;

const Times = { createdAt: z.string(), updatedAt: z.string() };

/** A sandbox as `/sandboxes` answers it. */
export const SandboxAnswer = z.object({
  metadata: z.object({
    name: SandboxName,
    displayName: z.string().optional(),
    externalId: z.string().optional(),
    labels: Labels,
    workspace: WorkspaceName,
    /** Base URL of the sandbox API, without a trailing slash. */
    url: z.string(),
    ...Times,
    createdBy: z.string().optional(),
    updatedBy: z.string().optional(),
  }),
  spec: SandboxSpec,
  status: SandboxStatus,
  /** Absent unless the sandbox is deployed. */
  state: z.enum(["RUNNING", "STANDBY"]).optional(),
  lastUsedAt: z.string().optional(),
  /** Seconds until it is deleted; absent when nothing will delete it. */
  expiresIn: z.number().optional(),
  events: z.array(ResourceEvent),
  /** Absent unless there are any. */
  errors: z.array(SandboxFailure).optional(),
});
export type SandboxAnswer = z.infer<typeof SandboxAnswer>;

export const PreviewAnswer = z.object({
  metadata: z.object({
    name: PreviewName,
    displayName: z.string().optional(),
    /** Name of the sandbox; clients build the paths of the token calls from it. */
    resourceName: SandboxName,
    resourceType: z.literal("sandbox"),
    workspace: WorkspaceName,
    ...Times,
  }),
  spec: PreviewSpec.extend({ url: z.string() }),
  status: z.literal("DEPLOYED"),
});
export type PreviewAnswer = z.infer<typeof PreviewAnswer>;

export const PreviewTokenAnswer = z.object({
  metadata: z.object({
    name: z.string(),
    previewName: PreviewName,
    resourceName: SandboxName,
    resourceType: z.literal("sandbox"),
    workspace: WorkspaceName,
  }),
  spec: z.object({ token: z.string(), expiresAt: z.string().optional(), expired: z.boolean() }),
});
export type PreviewTokenAnswer = z.infer<typeof PreviewTokenAnswer>;

/** Failure of every control-plane call except creating a sandbox. Clients branch on the numeric `code`. */
export const ErrorAnswer = z.object({ code: z.number(), error: z.string(), message: z.string() });
export type ErrorAnswer = z.infer<typeof ErrorAnswer>;

/** Failure of `POST /sandboxes`. */
export const SandboxErrorAnswer = z.object({
  code: z.string(),
  message: z.string(),
  details: z.record(z.string(), z.unknown()),
  status_code: z.number(),
  /** Where it failed: before anything was made, or when it was made. */
  step: z.enum(["validation", "start"]),
  timestamp: z.string(),
  workspace: z.string(),
  sandbox_name: z.string().optional(),
  reason: z.literal("CREATION_IN_PROGRESS").optional(),
});
export type SandboxErrorAnswer = z.infer<typeof SandboxErrorAnswer>;
