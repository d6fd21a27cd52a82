import { openStore, type StoreOptions } from "../../src/index.ts";

/* A server of its own process that opens the database and reads from it. Argument: where the database is, as JSON. */
await using store = await openStore(JSON.parse(process.argv[2] ?? "") as StoreOptions);
await store.sandboxes.all();
