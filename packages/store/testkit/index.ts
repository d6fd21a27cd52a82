export { describeEachDatabase, type DatabaseKind } from "./databases.ts";
export { PostgresServer } from "./postgres.ts";
export { newPreview, newSandbox, openInstalledStore, WORKSPACE } from "./records.ts";
