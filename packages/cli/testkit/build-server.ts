import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What a build does with an archive: its log, and whether it ends well. */
export interface TestBuild {
  readonly lines: readonly string[];
  readonly isGood: boolean;
}

export interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Headers;
  readonly body: unknown;
}

interface Resource {
  statuses: string[];
  body: Record<string, unknown>;
  logs: { readonly timestamp: string; readonly message: string }[];
  tags: { readonly name: string; readonly createdAt: string }[];
}

const JSON_TYPE = { "Content-Type": "application/json" };

/**
 * The upload, build, log and status routes of the control plane on a real socket, with builds that a test scripts. A resource shows
 * each of its statuses once to whoever asks.
 */
export class BuildServer implements Disposable {
  readonly requests: RecordedRequest[] = [];
  /** Names and contents of the archives that came, newest last. */
  readonly archives: Record<string, string>[] = [];
  build: TestBuild = { lines: ["STEP 1/1: FROM scratch"], isGood: true };
  /** Statuses that the next uploads are answered with, before they are taken. */
  readonly uploadFailures: number[] = [];
  readonly #resources = new Map<string, Resource>();
  readonly #server: Bun.Server<undefined>;
  #uploads = 0;

  constructor() {
    this.#server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: (request) => this.#answer(request) });
  }

  get apiUrl(): string {
    return `${this.#server.url.origin}/v0`;
  }

  /** What a command line needs to talk to it. */
  get env(): Record<string, string> {
    return { BL_API_URL: this.apiUrl, BL_WORKSPACE: "main", BL_API_KEY: "a-key" };
  }

  /** Something that is there before the command runs; `key` is such as `sandboxes/app`. */
  add(key: string, status: string, body: Record<string, unknown> = {}): void {
    this.#resources.set(key, { statuses: [status], body, logs: [], tags: [] });
  }

  sent(method: string, path: string): RecordedRequest[] {
    return this.requests.filter((request) => request.method === method && request.path === path);
  }

  [Symbol.dispose](): void {
    void this.#server.stop(true);
  }

  async #answer(request: Request): Promise<Response> {
    const url = new URL(request.url);
    if (url.pathname.startsWith("/uploads/")) return await this.#take(request, url.pathname.slice("/uploads/".length));
    const path = url.pathname.replace(/^\/v0\//, "");
    const text = await request.text();
    const query = Object.fromEntries(url.searchParams);
    const body = text === "" ? undefined : (JSON.parse(text) as Record<string, unknown>);
    this.requests.push({ method: request.method, path, query, headers: request.headers, body });
    if (path === "observability/logs") return this.#logs(query["workloadIds"] ?? "", query["start"] ?? "");
    if (request.method === "GET") return this.#show(path);
    if (request.method === "DELETE") return Response.json({ deleted: 1, message: "1 image is deleted" });
    return this.#save(request.method, path, query, body ?? {});
  }

  #save(method: string, path: string, query: Record<string, string>, body: Record<string, unknown>): Response {
    const { name } = { ...body, ...(body["metadata"] as object | undefined) } as { name?: string };
    const key = keyOf(path, name ?? "");
    const isThere = this.#resources.has(key);
    if (method === "POST" && isThere && !path.startsWith("images")) {
      return refusal(409, "it exists already", { "x-should-retry": "false" });
    }
    if (method === "PUT" && !isThere && !path.startsWith("volume_templates")) return refusal(404, "there is none");
    const resource = this.#resources.get(key) ?? { statuses: [], body, logs: [], tags: [] };
    this.#resources.set(key, {
      ...resource,
      body,
      statuses: query["upload"] === "true" ? ["UPLOADING"] : ["DEPLOYED"],
    });
    if (query["upload"] !== "true") return Response.json({ ...body, message: "Image saved", build: false });
    this.#uploads += 1;
    const uploadUrl = `${this.#server.url.origin}/uploads/${key.replace("/", ":")}:${this.#uploads}`;
    return Response.json(this.#render(key), { headers: { "X-Blaxel-Upload-Url": uploadUrl } });
  }

  async #take(request: Request, ticket: string): Promise<Response> {
    const bytes = await request.bytes();
    const { method, headers } = request;
    this.requests.push({ method, path: "upload", query: {}, headers, body: bytes.byteLength });
    const failure = this.uploadFailures.shift();
    if (failure !== undefined) return refusal(failure, `refused with ${failure}`);
    this.archives.push(unzip(bytes));
    const [kind = "", name = ""] = ticket.split(":");
    this.#finish(`${kind}/${name}`);
    return new Response("", { status: 200 });
  }

  #finish(key: string): void {
    const resource = this.#resources.get(key);
    if (resource === undefined) return;
    const nowMs = Date.now();
    const logs = this.build.lines.map((message, index) => ({
      timestamp: new Date(nowMs).toISOString().replace("Z", `${String(index).padStart(6, "0")}Z`),
      message,
    }));
    const isImage = key.startsWith("images/");
    const good = isImage ? ["BUILDING", "BUILT"] : ["BUILDING", "DEPLOYING", "DEPLOYED"];
    resource.statuses = this.build.isGood ? good : ["BUILDING", "FAILED"];
    resource.logs.push(...logs);
    resource.tags.push({ name: `tag${resource.tags.length + 1}`, createdAt: new Date(nowMs).toISOString() });
  }

  #show(path: string): Response {
    const key = keyOf(path, "");
    if (!this.#resources.has(key)) return refusal(404, `"${path}" is not there`);
    const answer = Response.json(this.#render(key));
    const statuses = this.#resources.get(key)?.statuses ?? [];
    if (statuses.length > 1) statuses.shift();
    return answer;
  }

  #render(key: string): unknown {
    const { statuses = [], body, tags = [] } = this.#resources.get(key) ?? {};
    const [kind = "", name = ""] = key.split("/");
    const status = statuses[0] ?? "";
    const metadata = {
      ...(body?.["metadata"] as object | undefined),
      name,
      url: `${this.#server.url.origin}/run/${name}`,
    };
    const events = status === "FAILED" ? [{ status, message: "Cannot build the image: step 2 failed" }] : [];
    if (kind !== "images") return { metadata, spec: body?.["spec"] ?? {}, status, events };
    return { metadata: { ...metadata, resourceType: "sandbox", status, events }, spec: { tags } };
  }

  #logs(name: string, start: string): Response {
    const all = ["images", "sandboxes"].flatMap((kind) => this.#resources.get(`${kind}/${name}`)?.logs ?? []);
    const logs = all.filter(({ timestamp }) => timestamp >= start);
    return Response.json({ [name]: { logs: logs.toReversed(), totalCount: logs.length } });
  }
}

/** `images/app` of `images/sandbox/app` and of a `POST` to `images`, `previews/web` of `sandboxes/app/previews/web`. */
function keyOf(path: string, name: string): string {
  const segments = path.split("/");
  if (segments[0] === "images") return `images/${segments[2] ?? name}`;
  return segments.length % 2 === 1 ? `${segments.at(-1)}/${name}` : segments.slice(-2).join("/");
}

const refusal = (status: number, message: string, headers: Record<string, string> = {}): Response =>
  new Response(JSON.stringify({ code: status, error: "REFUSED", message }), {
    status,
    headers: { ...JSON_TYPE, ...headers },
  });

/** Names to contents; folders end with a slash. */
function unzip(bytes: Uint8Array): Record<string, string> {
  const folder = mkdtempSync(join(tmpdir(), "dormouse-upload-"));
  try {
    const file = join(folder, "archive.zip");
    writeFileSync(file, bytes);
    const { stdout } = Bun.spawnSync(["unzip", "-Z1", file]);
    const names = stdout.toString().split("\n").filter(Boolean);
    return Object.fromEntries(
      names.map((name) => [name, Bun.spawnSync(["unzip", "-p", file, name]).stdout.toString()]),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
