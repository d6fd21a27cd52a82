import { startTestAgent } from "../../testing/agent.ts";

/** An agent in a process of its own; says its port and folder, and ends with its standard input. */
const agent = startTestAgent();
process.stdout.write(`${JSON.stringify({ port: agent.api.port, folder: agent.folder })}\n`);
process.stdin.resume().on("end", () => void agent[Symbol.asyncDispose]().then(() => process.exit(0)));
