export type { ApiKeyRecord } from "./accounts.ts";
export type { PreviewRecord, PreviewTokenRecord } from "./previews.ts";
export type { SandboxChange, SandboxPage, SandboxRecord } from "./sandboxes.ts";
export { openStore, type Store, type StoreOptions } from "./store.ts";
