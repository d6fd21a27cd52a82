export { parseArguments, type AgentArguments } from "./arguments.ts";
export type { BuildInfo } from "./health.ts";
export { isAgentRunning } from "./running-agent.ts";
export { startSandboxApi, type SandboxApi, type SandboxApiOptions } from "./server.ts";
