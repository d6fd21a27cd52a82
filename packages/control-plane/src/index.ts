export { createControlPlane } from "./app.ts";
export { loadDirectory, type Directory, type ApiKeyEntry } from "./directory.ts";
export { ensureInstallation, issueApiKey } from "./installation.ts";
export type { ControlPlaneDeps, ControlPlaneSettings, Logger, SandboxLife } from "./ports.ts";
export { recover } from "./sandboxes/recover.ts";
