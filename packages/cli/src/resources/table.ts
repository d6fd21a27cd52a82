import { type Column, dateColumn, type Item, type Resource, textAt, textColumn, timeColumn } from "./resource.ts";
import { bytesColumn, megabytesColumn } from "./sizes.ts";

const WORKSPACE = textColumn("WORKSPACE", "metadata.workspace", "leave out");
const NAME = textColumn("NAME", "metadata.name");
const REGION = textColumn("REGION", "spec.region", "leave out");
const STATUS = textColumn("STATUS", "status");
const CREATED_AT = dateColumn("CREATED_AT", "metadata.createdAt");

const IMAGE: Column = {
  heading: "IMAGE",
  whenNarrow: "cut",
  cell: (item) => textAt(item, "spec.runtime.image").replace(/^sandbox\//, ""),
};

export const SANDBOX: Resource = {
  kind: "Sandbox",
  plural: "sandboxes",
  columns: [WORKSPACE, NAME, IMAGE, REGION, STATUS, CREATED_AT],
};

export const VOLUME: Resource = {
  kind: "Volume",
  plural: "volumes",
  columns: [WORKSPACE, NAME, megabytesColumn("SIZE", "spec.size"), REGION, STATUS, CREATED_AT],
};

export const VOLUME_TEMPLATE: Resource = {
  kind: "VolumeTemplate",
  plural: "volume templates",
  columns: [
    WORKSPACE,
    NAME,
    megabytesColumn("SIZE", "spec.defaultSize"),
    textColumn("VERSION", "state.latestVersion"),
    textColumn("STATUS", "state.status"),
    CREATED_AT,
  ],
};

export const IMAGE_RESOURCE: Resource = {
  kind: "Image",
  plural: "images",
  columns: [
    WORKSPACE,
    { heading: "NAME", cell: (item) => `${textAt(item, "metadata.resourceType")}/${textAt(item, "metadata.name")}` },
    bytesColumn("SIZE", "spec.size"),
    dateColumn("LAST_DEPLOYED_AT", "metadata.lastDeployedAt"),
    CREATED_AT,
  ],
};

const PREVIEW_COLUMNS: readonly Column[] = [
  NAME,
  textColumn("TYPE", "metadata.resourceType", "leave out"),
  textColumn("RESOURCE", "metadata.resourceName", "leave out"),
  textColumn("PORT", "spec.port"),
  textColumn("PUBLIC", "spec.public"),
  textColumn("URL", "spec.url", "cut"),
  textColumn("STATUS", "status", "leave out"),
];

export const PREVIEW: Resource = { kind: "Preview", plural: "previews", columns: PREVIEW_COLUMNS };

export const ONE_PREVIEW: Resource = {
  ...PREVIEW,
  columns: [...PREVIEW_COLUMNS, textColumn("TTL", "spec.ttl"), textColumn("CUSTOM_DOMAIN", "spec.customDomain")],
};

export const PREVIEW_TOKEN: Resource = {
  kind: "PreviewToken",
  plural: "preview tokens",
  columns: [
    NAME,
    textColumn("PREVIEW", "metadata.previewName", "leave out"),
    textColumn("RESOURCE", "metadata.resourceName", "leave out"),
    textColumn("EXPIRED", "spec.expired"),
    timeColumn("EXPIRES_AT", "spec.expiresAt"),
  ],
};

const PROCESS_COLUMNS: readonly Column[] = [
  textColumn("NAME", "name"),
  textColumn("PID", "pid"),
  textColumn("STATUS", "status"),
  { heading: "COMMAND", whenNarrow: "cut", cell: (item) => textAt(item, "command").replaceAll(/\s+/g, " ") },
  textColumn("EXIT_CODE", "exitCode"),
  timeColumn("STARTED_AT", "startedAt"),
];

export const PROCESS: Resource = { kind: "Process", plural: "processes", columns: PROCESS_COLUMNS };

export const ONE_PROCESS: Resource = {
  ...PROCESS,
  columns: [...PROCESS_COLUMNS, timeColumn("COMPLETED_AT", "completedAt")],
};

export const HUB_IMAGE: Resource = {
  kind: "SandboxHub",
  plural: "images of the hub",
  columns: [
    { heading: "NAME", cell: (item: Item) => textAt(item, "displayName" in item ? "displayName" : "name") },
    textColumn("IMAGE", "image"),
    textColumn("MEMORY", "memory", "leave out"),
    textColumn("DESCRIPTION", "description", "cut"),
  ],
};
