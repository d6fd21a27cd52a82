import { basename } from "node:path";

/* What `dist/dormouse` is made of. Called `bl` or `blaxel` it has the commands of a client alone, and starts as fast. */
const isClient = ["bl", "blaxel"].includes(basename(process.argv0));
await (isClient ? import("./bl.ts") : import("./main.ts"));
