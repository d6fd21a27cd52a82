import { randomId } from "@dormouse/kernel";
import {
  ImageName,
  PreviewName,
  PreviewSpec,
  SandboxCreateRequest,
  SandboxId,
  SandboxName,
  SandboxSpec,
  WorkspaceName,
} from "@dormouse/schema";
import { openDatabase } from "../src/database.ts";
import {
  type ImageRecord,
  openStore,
  type PreviewRecord,
  type SandboxRecord,
  type Store,
  type StoreOptions,
} from "../src/index.ts";

export const WORKSPACE = WorkspaceName.parse("default");

/** A store with the workspace `WORKSPACE`. */
export async function openInstalledStore(options: StoreOptions): Promise<Store> {
  const store = await openStore(options);
  await store.accounts.install("seed", { id: "k1", workspace: WORKSPACE, name: "first", hash: "h1", createdAtMs: 1 });
  return store;
}

export function newSandbox(name: string, change: Partial<SandboxRecord> = {}): SandboxRecord {
  return {
    id: SandboxId.parse(randomId()),
    workspace: WORKSPACE,
    name: SandboxName.parse(name),
    displayName: undefined,
    externalId: undefined,
    labels: {},
    spec: SandboxSpec.parse(SandboxCreateRequest.parse({}).spec),
    status: "DEPLOYING",
    events: [],
    createdAtMs: 1,
    updatedAtMs: 1,
    createdBy: undefined,
    updatedBy: undefined,
    lastUsedAtMs: undefined,
    errors: [],
    engineImageId: undefined,
    ...change,
  };
}

export function newPreview(sandbox: SandboxRecord, name: string, id: string = randomId()): PreviewRecord {
  return {
    id,
    sandboxId: sandbox.id,
    name: PreviewName.parse(name),
    displayName: undefined,
    spec: PreviewSpec.parse({ port: 3000 }),
    createdAtMs: 1,
    customHost: undefined,
  };
}

/** An image without versions. */
export function newImage(name: string, change: Partial<ImageRecord> = {}): ImageRecord {
  return {
    id: randomId(),
    workspace: WORKSPACE,
    resourceType: "sandbox",
    name: ImageName.parse(name),
    status: "UPLOADING",
    events: [],
    lastDeployedAtMs: undefined,
    createdBy: undefined,
    createdAtMs: 1,
    updatedAtMs: 1,
    tags: [],
    ...change,
  };
}

/** A further account in a database that a store is open on. */
export async function addAccount(options: StoreOptions, id: string): Promise<void> {
  await using db = await openDatabase(options);
  await db.insertInto("accounts").values({ id, name: id, created_at_ms: 1 }).execute();
}
