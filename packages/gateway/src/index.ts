export { PLATFORM_COOKIE_PREFIX } from "./cookies.ts";
export { createGateway, SERVE_OPTIONS, type Gateway, type GatewayDeps } from "./gateway.ts";
export { Lease } from "./lease.ts";
export type { LifeState } from "./life-entry.ts";
export { SandboxLife, type SandboxLifeOptions, type TrackedSandbox } from "./life.ts";
export { AGENT_PORT } from "./place.ts";
export type { GatewaySocketData } from "./websocket.ts";
