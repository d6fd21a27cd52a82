import { hashSecret } from "../src/secrets.ts";
import { type HubImage, WorkspaceName } from "@dormouse/schema";
import { openStore, type Store } from "@dormouse/store";
import {
  AuditLog,
  createControlPlane,
  createSandboxContext,
  ensureInstallation,
  loadDirectory,
  recover,
  Scheduler,
  type ControlPlaneSettings,
  type SandboxContext,
} from "../src/index.ts";
import { MemoryCalls } from "./memory-calls.ts";
import { MemoryEngine } from "./memory-engine.ts";
import { MemoryLife } from "./memory-life.ts";
import { MemoryResolver } from "./memory-resolver.ts";

export const WORKSPACE = WorkspaceName.parse("default");

export interface ServerOptions {
  /** `:memory:` unless given. */
  readonly sqlitePath?: string;
  readonly engine?: MemoryEngine;
  readonly settings?: Partial<ControlPlaneSettings>;
  readonly hub?: readonly HubImage[];
  readonly clock?: () => number;
  /** Runs on the open store before anything is loaded from it. */
  readonly prepare?: (store: Store) => Promise<void>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed JSON. */
  readonly body: unknown;
}

/** A control plane as the app wires it, over memory; disposing closes its store. */
export class TestServer implements AsyncDisposable {
  readonly deps: SandboxContext;
  readonly engine: MemoryEngine;
  readonly life: MemoryLife;
  readonly calls: MemoryCalls;
  readonly dns: MemoryResolver;
  readonly logged: Readonly<Record<string, unknown>>[];
  /** Empty unless the store was new. */
  readonly apiKey: string;
  readonly fetch: (request: Request) => Response | Promise<Response>;

  constructor(parts: Pick<TestServer, "deps" | "engine" | "life" | "calls" | "dns" | "logged" | "apiKey">) {
    this.deps = parts.deps;
    this.engine = parts.engine;
    this.life = parts.life;
    this.calls = parts.calls;
    this.dns = parts.dns;
    this.logged = parts.logged;
    this.apiKey = parts.apiKey;
    this.fetch = createControlPlane(parts.deps).fetch;
  }

  /** One call as the stock client makes it: `body` is sent as JSON, a string as it is. */
  async call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const request = new Request(`http://localhost:4000/v0${path}`, {
      method,
      headers: {
        "x-blaxel-authorization": `Bearer ${this.apiKey}`,
        "x-blaxel-workspace": WORKSPACE,
        "blaxel-version": "2026-04-28",
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const response = await this.fetch(request);
    return {
      status: response.status,
      headers: response.headers,
      body: response.status === 204 ? undefined : await response.json(),
    };
  }

  async create(name: string, spec: unknown = {}): Promise<Answer> {
    return this.call("POST", "/sandboxes", { metadata: { name }, spec });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.deps.scheduler[Symbol.asyncDispose]();
    await this.deps[Symbol.asyncDispose]();
    await this.deps.audit.close();
    await this.deps.store.close();
  }
}

export async function startServer(options: ServerOptions = {}): Promise<TestServer> {
  const clock = options.clock ?? Date.now;
  const store = await openStore({ sqlitePath: options.sqlitePath ?? ":memory:" });
  const apiKey = "dm_test-administrator-key";
  await ensureInstallation({ store, clock }, { workspace: WORKSPACE, keyHash: hashSecret(apiKey) });
  await options.prepare?.(store);
  const logged: Readonly<Record<string, unknown>>[] = [];
  const record = (event: Readonly<Record<string, unknown>>) => void logged.push(event);
  const log = { info: record, warn: record, error: record };
  const engine = options.engine ?? new MemoryEngine();
  const life = new MemoryLife();
  const calls = new MemoryCalls();
  const dns = new MemoryResolver();
  const deps = createSandboxContext({
    store,
    engine,
    life,
    directory: await loadDirectory(store, clock),
    settings: {
      publicUrl: undefined,
      previewUrlStyle: "host",
      sandboxUrlStyle: "path",
      domain: undefined,
      redirectUris: [],
      memoryMaxMb: 16_384,
      cpuCount: 2,
      hasWarmPool: false,
      auditRetentionDays: 90,
      ...options.settings,
    },
    hub: options.hub ?? [],
    audit: new AuditLog({ store, log, clock }),
    resolver: dns,
    calls,
    scheduler: new Scheduler({ store, calls, log, clock }),
    log,
    clock,
  });
  await recover(deps);
  await deps.scheduler.start();
  return new TestServer({ deps, engine, life, calls, dns, logged, apiKey });
}

/** A further workspace, of the first account unless another one is given. */
export async function addWorkspace(store: Store, name: WorkspaceName, accountId?: string): Promise<void> {
  const [first] = await store.accounts.workspaces();
  if (first === undefined) throw new Error("the installation is not set up");
  await store.accounts.insertWorkspace({
    ...first,
    id: name,
    name,
    displayName: name,
    accountId: accountId ?? first.accountId,
  });
}
