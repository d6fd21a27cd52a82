import { closeSync, writeSync } from "node:fs";
import { type EngineOptions, serveEngine, startEngine } from "../src/index.ts";

/* An engine as `dormouse engine` runs it, for tests that end it in unfriendly ways. Arguments: socket, options as JSON. */
const [socketFile = "", options = ""] = process.argv.slice(2);
const engine = await startEngine(JSON.parse(options) as EngineOptions);
const server = serveEngine(engine.port, {
  socketFile,
  groupId: 0,
  onError: (error) => process.stderr.write(`${error.stack}\n`),
});
writeSync(3, "ready\n");
closeSync(3);
const stop = async (): Promise<void> => {
  await server[Symbol.asyncDispose]();
  await engine.close();
  process.exit(0);
};
process.on("SIGTERM", () => void stop());
