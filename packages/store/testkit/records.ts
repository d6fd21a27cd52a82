import { randomId } from "@dormouse/kernel";
import {
  PreviewName,
  PreviewSpec,
  SandboxCreateRequest,
  SandboxId,
  SandboxName,
  SandboxSpec,
  WorkspaceName,
} from "@dormouse/schema";
import { openStore, type PreviewRecord, type SandboxRecord, type Store, type StoreOptions } from "../src/index.ts";

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
