import { hashSecret } from "../src/secrets.ts";
import { WorkspaceName } from "@dormouse/schema";
import { openStore, type Store } from "@dormouse/store";
import {
  createControlPlane,
  ensureInstallation,
  loadDirectory,
  recover,
  type ControlPlaneDeps,
  type ControlPlaneSettings,
} from "../src/index.ts";
import { MemoryEngine } from "./memory-engine.ts";
import { MemoryLife } from "./memory-life.ts";

export const WORKSPACE = WorkspaceName.parse("default");

export interface ServerOptions {
  /** `:memory:` unless given. */
  readonly sqlitePath?: string;
  readonly engine?: MemoryEngine;
  readonly settings?: Partial<ControlPlaneSettings>;
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
  readonly deps: ControlPlaneDeps;
  readonly engine: MemoryEngine;
  readonly life: MemoryLife;
  readonly logged: Readonly<Record<string, unknown>>[];
  /** Empty unless the store was new. */
  readonly apiKey: string;
  readonly fetch: (request: Request) => Response | Promise<Response>;

  constructor(parts: Pick<TestServer, "deps" | "engine" | "life" | "logged" | "apiKey">) {
    this.deps = parts.deps;
    this.engine = parts.engine;
    this.life = parts.life;
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
    return { status: response.status, headers: response.headers, body: await response.json() };
  }

  async create(name: string, spec: unknown = {}): Promise<Answer> {
    return this.call("POST", "/sandboxes", { metadata: { name }, spec });
  }

  async [Symbol.asyncDispose](): Promise<void> {
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
  const engine = options.engine ?? new MemoryEngine();
  const life = new MemoryLife();
  const deps: ControlPlaneDeps = {
    store,
    engine,
    life,
    directory: await loadDirectory(store, clock),
    settings: {
      publicUrl: undefined,
      previewUrlStyle: "host",
      memoryMaxMb: 16_384,
      cpuCount: 2,
      ...options.settings,
    },
    log: { info: record, warn: record, error: record },
    clock,
  };
  await recover(deps);
  return new TestServer({ deps, engine, life, logged, apiKey });
}
