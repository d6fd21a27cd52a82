import { closeSync, writeSync } from "node:fs";
import { armFaultPoint, type FaultPoint } from "@dormouse/kernel";
import { type EngineOptions, serveEngine, startEngine } from "../src/index.ts";

/* An engine as `dormouse engine` runs it, for tests that end it in unfriendly ways. Arguments: socket, options as JSON. */
const [socketFile = "", options = ""] = process.argv.slice(2);
const { faultPoint, ...engineOptions } = JSON.parse(options) as EngineOptions & { faultPoint?: FaultPoint };
if (faultPoint !== undefined) armFaultPoint(faultPoint, () => process.kill(process.pid, "SIGKILL"));
const report = (error: Error): void => void process.stderr.write(`${error.stack}\n`);
const engine = await startEngine({ ...engineOptions, onError: report });
const server = serveEngine(engine.port, {
  socketFile,
  groupId: 0,
  onError: report,
});
writeSync(3, "ready\n");
closeSync(3);
const stop = async (): Promise<void> => {
  await server[Symbol.asyncDispose]();
  await engine.close();
  process.exit(0);
};
process.on("SIGTERM", () => void stop());
