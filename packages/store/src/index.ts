export type { AccountOwner, AccountOwnerRecord, AccountRecord, NewAccount } from "./accounts.ts";
export type { AuditActor, AuditRecord, AuditScope } from "./audit.ts";
export type { ApiKeyRecord, FirstApiKey, LoginGrantRecord, ServiceAccountRecord, Subject } from "./credentials.ts";
export type { BuildChange, BuildFailure, BuildRecord } from "./builds.ts";
export { backUp, restore, type BackupSummary, type RestoreOptions } from "./backup.ts";
export type {
  CustomDomainAudience,
  CustomDomainChange,
  CustomDomainCheck,
  CustomDomainRecord,
} from "./custom-domains.ts";
export type { StoreOptions } from "./database.ts";
export type { ImageBorrower, ImageShareRecord, PendingImageShareRecord } from "./image-shares.ts";
export type { ImageRecord, ImageTagRecord } from "./image-rows.ts";
export type { ImageChange } from "./images.ts";
export type { CustomHost, PreviewRecord, PreviewTokenRecord } from "./previews.ts";
export type { SandboxChange, SandboxRecord } from "./sandboxes.ts";
export type { ExecutionOutcome, ExecutionRecord, NewExecution, ScheduleClaim } from "./schedule-executions.ts";
export type { ScheduleChange, ScheduleRecord, WaitingSchedule } from "./schedules.ts";
export type { NewInvitation } from "./member-rows.ts";
export { openStore, type Store } from "./store.ts";
export type { MemberRecord, UserRecord } from "./users.ts";
export type {
  TemplateVersionOutcome,
  TemplateVersionRecord,
  VolumeTemplateChange,
  VolumeTemplateRecord,
} from "./volume-templates.ts";
export type { VolumeChange, VolumeRecord } from "./volumes.ts";
export type { WorkspaceRecord } from "./workspace-rows.ts";
