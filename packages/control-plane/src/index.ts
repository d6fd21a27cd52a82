export { createControlPlane } from "./app.ts";
export { AuditLog } from "./audit/audit-log.ts";
export type { ApiRequestEvent } from "./http/observe.ts";
export { loadDirectory, type Directory } from "./directory.ts";
export { ensureInstallation, issueApiKey } from "./installation.ts";
export type {
  ControlPlaneDeps,
  ControlPlaneSettings,
  Logger,
  ProgramOutput,
  Resolver,
  SandboxAnswerToCall,
  SandboxCalls,
  SandboxLife,
} from "./ports.ts";
export { Scheduler } from "./schedules/scheduler.ts";
export { createSandboxContext, type SandboxContext } from "./sandboxes/context.ts";
export { noteRestart } from "./sandboxes/note-restart.ts";
export { recover } from "./sandboxes/recover.ts";
export { startUpkeep } from "./upkeep.ts";
