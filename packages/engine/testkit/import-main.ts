import { importOciLayout } from "../src/images/import-layout.ts";
import { ImageTools, newImageId } from "./image-tools.ts";

/* Imports an OCI layout into the store of a data folder, for tests that end it on the way. Arguments: data folder, layout. */
const [dataDir = "", layoutDir = ""] = process.argv.slice(2);
await using tools = await ImageTools.open(dataDir);
await importOciLayout(tools.deps, { layoutDir, id: newImageId() });
