import { initialize, SandboxInstance } from "@blaxel/core";
import { report } from "./report.mjs";

// `env`: settings from the environment or a file of the working directory; `proxy`: from code, against a server's bare address.
const { PROGRAM_PROXY, PROGRAM_KEY } = process.env;
if (PROGRAM_PROXY !== undefined)
  initialize({ proxy: PROGRAM_PROXY, workspace: "default", apiKey: PROGRAM_KEY, disableH2: true });

const sandbox = await SandboxInstance.createIfNotExists({ name: "settings", memory: 512 });
const { logs } = await sandbox.process.exec({ command: "echo reached", waitForCompletion: true });
await sandbox.delete();
report({ logs });
