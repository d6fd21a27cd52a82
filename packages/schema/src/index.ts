export * from "./control-plane.ts";
export * from "./engine.ts";
export * from "./routes.ts";
export * from "./sandbox-api.ts";
