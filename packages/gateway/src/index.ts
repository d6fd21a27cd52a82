export { PLATFORM_COOKIE_PREFIX } from "./cookies.ts";
export { createErrorPages, type ErrorPages, type ErrorPageTemplates } from "./error-pages.ts";
export { createGateway, SERVE_OPTIONS, type Gateway, type GatewayDeps, type GatewayMeter } from "./gateway.ts";
export { Lease } from "./lease.ts";
export type { LifeActivity, LifeEvent, LifeState } from "./life-entry.ts";
export { SandboxLife, type SandboxLifeOptions, type TrackedSandbox } from "./life.ts";
export { AGENT_PORT } from "./place.ts";
export { connectionOf, createEdgeReader, type EdgeReader } from "./trusted-proxies.ts";
export type { GatewaySocketData } from "./websocket.ts";
