import { truncate } from "../output/table.ts";
import {
  type Column,
  dateColumn,
  type Item,
  type Resource,
  textAt,
  textColumn,
  timeColumn,
  type View,
} from "./resource.ts";
import { bytesColumn, megabytesColumn } from "./sizes.ts";

const WORKSPACE = textColumn("WORKSPACE", "metadata.workspace");
const NAME = textColumn("NAME", "metadata.name");
const REGION = textColumn("REGION", "spec.region");
const STATUS = textColumn("STATUS", "status");
const CREATED_AT = dateColumn("CREATED_AT", "metadata.createdAt");

/** What the other columns of a sandbox take, frame included, as in Blaxel's command line. */
const BESIDE_IMAGE = 75;

const IMAGE: Column = {
  heading: "IMAGE",
  cell: (item, view) => truncate(textAt(item, "spec.runtime.image").replace(/^sandbox\//, ""), imageWidth(view)),
};

const imageWidth = ({ columns }: View): number =>
  columns === undefined ? 100 : Math.min(100, Math.max(15, columns - BESIDE_IMAGE));

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
  textColumn("TYPE", "metadata.resourceType"),
  textColumn("RESOURCE", "metadata.resourceName"),
  textColumn("PORT", "spec.port"),
  textColumn("PUBLIC", "spec.public"),
  textColumn("URL", "spec.url"),
  STATUS,
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
    textColumn("PREVIEW", "metadata.previewName"),
    textColumn("RESOURCE", "metadata.resourceName"),
    textColumn("EXPIRED", "spec.expired"),
    timeColumn("EXPIRES_AT", "spec.expiresAt"),
  ],
};

const PROCESS_COLUMNS: readonly Column[] = [
  textColumn("NAME", "name"),
  textColumn("PID", "pid"),
  textColumn("STATUS", "status"),
  { heading: "COMMAND", cell: (item) => truncate(textAt(item, "command").replaceAll(/\s+/g, " "), 60) },
  textColumn("EXIT_CODE", "exitCode"),
  timeColumn("STARTED_AT", "startedAt"),
];

export const PROCESS: Resource = { kind: "Process", plural: "processes", columns: PROCESS_COLUMNS };

export const ONE_PROCESS: Resource = {
  ...PROCESS,
  columns: [...PROCESS_COLUMNS, timeColumn("COMPLETED_AT", "completedAt")],
};

const DESCRIPTION_WIDTH = 50;

export const HUB_IMAGE: Resource = {
  kind: "SandboxHub",
  plural: "images of the hub",
  columns: [
    { heading: "NAME", cell: (item: Item) => textAt(item, "displayName" in item ? "displayName" : "name") },
    textColumn("IMAGE", "image"),
    textColumn("MEMORY", "memory"),
    { heading: "DESCRIPTION", cell: (item) => truncate(textAt(item, "description"), DESCRIPTION_WIDTH) },
  ],
};
