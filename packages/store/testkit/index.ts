export { describeEachDatabase, type DatabaseKind } from "./databases.ts";
export { PostgresServer } from "./postgres.ts";
export { addAccount, newImage, newPreview, newSandbox, openInstalledStore, WORKSPACE } from "./records.ts";
