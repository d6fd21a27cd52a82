export * from "./control-plane.ts";
export * from "./engine.ts";
export * from "./sandbox-api.ts";
