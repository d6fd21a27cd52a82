import { expect } from "bun:test";
import type { EngineImageId, ImageAnswer, LogsAnswer, SandboxAnswer } from "@dormouse/schema";
import { MemoryEngine } from "./memory-engine.ts";
import { startServer, type Answer, type ServerOptions, type TestServer, WORKSPACE } from "./server.ts";

/** A control plane whose builds a test ends itself. */
export async function startBuildBench(options: ServerOptions = {}): Promise<BuildBench> {
  const engine = options.engine ?? new MemoryEngine();
  engine.builds.endAtOnce = false;
  return new BuildBench(await startServer({ ...options, engine }));
}

/** What clients and the engine do to builds. */
export class BuildBench implements AsyncDisposable {
  readonly server: TestServer;

  constructor(server: TestServer) {
    this.server = server;
  }

  /** The answer has the address of the upload. */
  begin(name: string, spec: object = {}, method: "POST" | "PUT" = "POST"): Promise<Answer> {
    const path = method === "POST" ? "/sandboxes" : `/sandboxes/${name}`;
    return this.server.call(method, `${path}?upload=true`, { metadata: { name }, spec });
  }

  beginImage(name: string, body: object = {}, query = "?upload=true"): Promise<Answer> {
    return this.server.call("POST", `/images${query}`, { name, resourceType: "sandbox", ...body });
  }

  /** Without a credential. */
  async upload(begun: Answer, context = "context", method = "PUT"): Promise<Answer> {
    const response = await this.server.fetch(new Request(addressIn(begun), { method, body: context }));
    return { status: response.status, headers: response.headers, body: await response.json() };
  }

  /** Of the build that was begun last. */
  get lastId(): EngineImageId {
    const id = this.server.engine.builds.ids().at(-1);
    if (id === undefined) throw new Error("the engine has no build");
    return id;
  }

  /** Resolves when the server is done with it. */
  async finish(id = this.lastId, blaxelToml?: string): Promise<void> {
    this.server.engine.builds.finish(id, blaxelToml === undefined ? {} : { blaxelToml });
    await this.untilEnded(id);
  }

  async fail(id = this.lastId): Promise<void> {
    this.server.engine.builds.fail(id);
    await this.untilEnded(id);
  }

  async untilEnded(id: EngineImageId): Promise<void> {
    const { builds } = this.server.deps;
    const build = builds.all().find((one) => one.id === id);
    if (build !== undefined) await builds.untilEnded(build);
  }

  /** From nothing to a sandbox that is there. */
  async deploy(name: string, spec: object = {}, method: "POST" | "PUT" = "POST"): Promise<SandboxAnswer> {
    expect((await this.upload(await this.begin(name, spec, method))).status).toBe(200);
    await this.finish();
    return this.read(name);
  }

  async read(name: string): Promise<SandboxAnswer> {
    const { status, body } = await this.server.call("GET", `/sandboxes/${name}`);
    expect(status).toBe(200);
    return body as SandboxAnswer;
  }

  async readImage(name: string): Promise<ImageAnswer> {
    const { status, body } = await this.server.call("GET", `/images/sandbox/${name}`);
    expect(status).toBe(200);
    return body as ImageAnswer;
  }

  /** What is stored of it, whatever answers show. */
  async stored(name: string) {
    return this.server.deps.store.sandboxes.find(WORKSPACE, name);
  }

  async text(path: string): Promise<string> {
    const headers = { authorization: `Bearer ${this.server.apiKey}`, "x-blaxel-workspace": WORKSPACE };
    const response = await this.server.fetch(new Request(`http://localhost/v0${path}`, { headers }));
    expect(response.status).toBe(200);
    return response.text();
  }

  async logs(name: string, query = ""): Promise<LogsAnswer[string]> {
    const { status, body } = await this.server.call("GET", `/observability/logs?workloadIds=${name}${query}`);
    expect(status).toBe(200);
    const logs = (body as LogsAnswer)[name];
    if (logs === undefined) throw new Error("the answer lacks the name");
    return logs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
  }
}

/** Where a context is to be sent. */
export function addressIn({ status, headers }: Answer): string {
  expect([200, 201]).toContain(status);
  const url = headers.get("x-blaxel-upload-url") ?? "";
  expect(url).toMatch(/^http:\/\/localhost:4000\/v0\/uploads\/[\w-]{43}$/);
  return url;
}
