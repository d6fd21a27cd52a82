import type { Kysely } from "kysely";
import { AccountRepository } from "./accounts.ts";
import { AuditRepository } from "./audit.ts";
import { BuildRepository } from "./builds.ts";
import { CredentialRepository } from "./credentials.ts";
import { CustomDomainRepository } from "./custom-domains.ts";
import { openDatabase, type StoreOptions } from "./database.ts";
import { DatabaseLog } from "./database-log.ts";
import { ImageShareRepository } from "./image-shares.ts";
import { ImageRepository } from "./images.ts";
import { migrateToLatest } from "./migrations.ts";
import { PreviewRepository } from "./previews.ts";
import { SandboxRepository } from "./sandboxes.ts";
import { ScheduleExecutionRepository } from "./schedule-executions.ts";
import { ScheduleRepository } from "./schedules.ts";
import type { Tables } from "./tables.ts";
import { UserRepository } from "./users.ts";
import { VolumeTemplateRepository } from "./volume-templates.ts";
import { VolumeRepository } from "./volumes.ts";

/** What the server remembers. */
export class Store implements AsyncDisposable {
  readonly accounts: AccountRepository;
  readonly users: UserRepository;
  readonly credentials: CredentialRepository;
  readonly audit: AuditRepository;
  readonly sandboxes: SandboxRepository;
  readonly images: ImageRepository;
  readonly builds: BuildRepository;
  readonly imageShares: ImageShareRepository;
  readonly customDomains: CustomDomainRepository;
  readonly previews: PreviewRepository;
  readonly volumes: VolumeRepository;
  readonly volumeTemplates: VolumeTemplateRepository;
  readonly schedules: ScheduleRepository;
  readonly scheduleExecutions: ScheduleExecutionRepository;
  readonly #db: Kysely<Tables>;
  readonly #log: DatabaseLog;

  constructor(db: Kysely<Tables>, log: DatabaseLog) {
    this.#db = db;
    this.#log = log;
    this.accounts = new AccountRepository(db);
    this.users = new UserRepository(db);
    this.credentials = new CredentialRepository(db);
    this.audit = new AuditRepository(db);
    this.sandboxes = new SandboxRepository(db);
    this.images = new ImageRepository(db);
    this.builds = new BuildRepository(db);
    this.imageShares = new ImageShareRepository(db);
    this.customDomains = new CustomDomainRepository(db);
    this.previews = new PreviewRepository(db);
    this.volumes = new VolumeRepository(db);
    this.volumeTemplates = new VolumeTemplateRepository(db);
    this.schedules = new ScheduleRepository(db);
    this.scheduleExecutions = new ScheduleExecutionRepository(db);
  }

  /** Has the disk keep all that was written so far, in the background; returns at once. */
  flush(): void {
    this.#log.flush();
  }

  /** Idempotent. */
  async close(): Promise<void> {
    await this.#log[Symbol.asyncDispose]();
    await this.#db.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Opens the database and brings its tables up to date. @throws {AppError} STORE_UNAVAILABLE */
export async function openStore(options: StoreOptions): Promise<Store> {
  const db = await openDatabase(options);
  try {
    await migrateToLatest(db);
    return new Store(db, new DatabaseLog(options));
  } catch (error) {
    await db.destroy();
    throw error;
  }
}
