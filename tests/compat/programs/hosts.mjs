import { SandboxInstance } from "@blaxel/core";
import { report } from "./report.mjs";

const sandbox = await SandboxInstance.create({ name: "hosted", memory: 512 });
const run = async (instance, command) =>
  (await instance.process.exec({ command, waitForCompletion: true })).stdout.trim();
const session = await sandbox.sessions.create();
const visitor = await SandboxInstance.fromSession(session);
await sandbox.fs.write("/tmp/a b", "written");
report({
  url: sandbox.metadata.url,
  sessionUrl: session.url,
  ran: await run(sandbox, "echo own host"),
  read: await visitor.fs.read("/tmp/a b"),
  ranInSession: await run(visitor, "echo session"),
});
await SandboxInstance.delete("hosted");
