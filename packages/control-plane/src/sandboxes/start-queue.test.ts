import { expect, test } from "bun:test";
import { AppError } from "@dormouse/kernel";
import { SandboxCreateRequest, SandboxName, WorkspaceName } from "@dormouse/schema";
import { MemoryEngine } from "../../testkit/memory-engine.ts";
import { addWorkspace, startServer, type TestServer, WORKSPACE } from "../../testkit/server.ts";
import { createSandbox } from "./create-sandbox.ts";

const OTHER = WorkspaceName.parse("other");
/** As many as a machine with one core starts at once. */
const AT_ONCE = 4;

/** Creates that stay in the engine until they are let through. */
class GatedEngine extends MemoryEngine {
  readonly #held: (() => void)[] = [];

  override beforeCreate = (): Promise<void> => new Promise((resolve) => this.#held.push(resolve));

  get startedNames(): (string | undefined)[] {
    return this.specs.map(({ env }) => env["BL_NAME"]);
  }

  /** Ends the oldest creates under way, and resolves when those that come after them have begun. */
  async letThrough(count: number): Promise<void> {
    for (const release of this.#held.splice(0, count)) release();
    await settled();
  }

  letAllThrough(): void {
    this.beforeCreate = () => Promise.resolve();
    for (const release of this.#held.splice(0)) release();
  }
}

/** After everything that waits for no engine. */
const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
};

const startGated = async () => {
  const engine = new GatedEngine();
  const server = await startServer({ engine, settings: { cpuCount: 1 } });
  await addWorkspace(server.deps.store, OTHER);
  return { server, engine };
};

interface Wish {
  readonly workspace?: WorkspaceName;
  readonly reuse?: boolean;
  readonly caller?: AbortSignal;
}

const create = (server: TestServer, name: string, { workspace = WORKSPACE, reuse = false, caller }: Wish = {}) =>
  createSandbox(server.deps, {
    workspace,
    name: SandboxName.parse(name),
    request: SandboxCreateRequest.parse({ metadata: { name }, spec: {} }),
    reuse,
    caller,
  });

const names = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}-${index}`);

test("a workspace with a hundred creates holds up another's single one by no more than those under way", async () => {
  const { server, engine } = await startGated();
  await using _ = server;
  const many = names("many", 100).map((name) => create(server, name));
  await settled();
  const single = create(server, "single", { workspace: OTHER });
  await settled();
  expect(engine.startedNames).toEqual(names("many", AT_ONCE));
  await engine.letThrough(2);
  expect(engine.startedNames).toEqual([...names("many", AT_ONCE + 1), "single"]);
  engine.letAllThrough();
  await Promise.all([...many, single]);
  const started = engine.startedNames.filter((name) => name !== "single");
  expect(new Set(started)).toEqual(new Set(names("many", 100)));
  // Those under way at once may overtake each other on their way to the engine.
  expect(started.filter((name, turn) => Math.abs(turn - Number(name?.split("-")[1])) >= AT_ONCE)).toEqual([]);
});

test("a create that waits leaves no trace: neither a record nor a name that is taken", async () => {
  const { server, engine } = await startGated();
  await using _ = server;
  const all = names("box", AT_ONCE + 1).map((name) => create(server, name));
  await settled();
  expect(await server.deps.store.sandboxes.all()).toHaveLength(AT_ONCE);
  engine.letAllThrough();
  await Promise.all(all);
});

test("a line that is too long is refused with 429 and when to come back", async () => {
  const { server, engine } = await startGated();
  await using _ = server;
  const all = names("box", AT_ONCE + 500).map((name) => create(server, name));
  await settled();
  const refused = await server.create("one-too-many");
  expect(refused).toMatchObject({ status: 429, body: { code: "RATE_LIMITED", status_code: 429 } });
  expect(refused.headers.get("retry-after")).toBe("5");
  const welcome = create(server, "other", { workspace: OTHER });
  engine.letAllThrough();
  await Promise.all([...all, welcome]);
});

test("a full host is answered with 503 and when to come back", async () => {
  const engine = new MemoryEngine();
  const error = new AppError("HOST_FULL", "Cannot create a sandbox: no memory", { details: { retryAfterS: 5 } });
  engine.beforeCreate = () => Promise.reject(error);
  await using server = await startServer({ engine });
  const refused = await server.create("box");
  expect(refused).toMatchObject({ status: 503, body: { code: "HOST_FULL", details: { retryAfterS: 5 } } });
  expect(refused.headers.get("retry-after")).toBe("5");
});

test("a create whose client leaves while it waits is given up; one that somebody else waits for is not", async () => {
  const { server, engine } = await startGated();
  await using _ = server;
  const busy = names("box", AT_ONCE).map((name) => create(server, name));
  await settled();
  const leaving = new AbortController();
  const alone = create(server, "alone", { caller: leaving.signal });
  const shared = create(server, "shared", { caller: leaving.signal, reuse: true });
  const sharer = create(server, "shared", { caller: new AbortController().signal, reuse: true });
  leaving.abort();
  await expect(alone).rejects.toMatchObject({ code: "SANDBOX_STATE_CONFLICT" });
  engine.letAllThrough();
  await Promise.all([...busy, shared, sharer]);
  expect(engine.startedNames).toEqual([...names("box", AT_ONCE), "shared"]);
  expect((await create(server, "alone")).status).toBe("DEPLOYED");
});
