import { SandboxAnswer } from "@dormouse/schema";
import { z } from "zod";

const IMAGE = "blaxel/base-image:latest";
const TIMEOUT_MS = 120_000;

const Exec = z.object({ exitCode: z.number(), stdout: z.string(), logs: z.string().nullable() });
const Preview = z.object({ metadata: z.object({ name: z.string() }), spec: z.object({ url: z.string() }) });
const PreviewToken = z.object({ spec: z.object({ token: z.string() }) });

export interface ExecOptions {
  readonly name?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Answer once these ports have a listener instead of at the command's end. */
  readonly waitForPorts?: readonly number[];
  /** Keeps the sandbox awake while the command runs. */
  readonly keepAlive?: boolean;
}

/** The public HTTP API with plain `fetch`, as a client of ours without an SDK uses it. */
export class Api {
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;

  /** `env` is what `dormouse env` prints. */
  constructor(env: Readonly<Record<string, string>>) {
    this.#url = env["BL_API_URL"] ?? "";
    this.#headers = {
      "content-type": "application/json",
      "x-blaxel-authorization": `Bearer ${env["BL_API_KEY"]}`,
      "x-blaxel-workspace": env["BL_WORKSPACE"] ?? "",
    };
  }

  async create(name: string, memory = 2048): Promise<Sandbox> {
    const body = { metadata: { name }, spec: { runtime: { image: IMAGE, memory } } };
    const { metadata } = SandboxAnswer.parse(await this.#call("POST", "/sandboxes", body));
    return new Sandbox(this, metadata.name, metadata.url);
  }

  async state(name: string): Promise<"RUNNING" | "STANDBY" | undefined> {
    return SandboxAnswer.parse(await this.#call("GET", `/sandboxes/${name}`)).state;
  }

  async remove(name: string): Promise<void> {
    await this.#call("DELETE", `/sandboxes/${name}`);
  }

  async names(): Promise<string[]> {
    const sandboxes = z.array(SandboxAnswer).parse(await this.#call("GET", "/sandboxes"));
    return sandboxes.map(({ metadata }) => metadata.name);
  }

  /** A private preview of a port: its own host, its path on this server, and a token for it. */
  async privatePreview(sandbox: string, port: number): Promise<{ url: string; path: string; token: string }> {
    const path = `/sandboxes/${sandbox}/previews`;
    const preview = Preview.parse(
      await this.#call("POST", path, { metadata: { name: "bench" }, spec: { port, public: false } }),
    );
    const { spec } = PreviewToken.parse(await this.#call("POST", `${path}/${preview.metadata.name}/tokens`, {}));
    const [id] = new URL(preview.spec.url).hostname.split(".");
    return { url: preview.spec.url, path: `/preview/${id}/`, token: spec.token };
  }

  /** A request with our key to any URL of this server; the caller looks at the status. */
  fetch(url: string, init: RequestInit = {}): Promise<Response> {
    return fetch(url, { ...init, headers: this.#headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
  }

  /** Our credentials as options of curl. */
  curlHeaders(): string[] {
    return Object.entries(this.#headers).flatMap(([name, value]) =>
      name === "content-type" ? [] : ["-H", `${name}: ${value}`],
    );
  }

  async #call(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await this.fetch(`${this.#url}${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return readJson(response, `${method} ${path}`);
  }
}

/** One sandbox; deleted at the end of its scope. */
export class Sandbox implements AsyncDisposable {
  readonly name: string;
  /** Base URL of its API. */
  readonly url: string;
  readonly #api: Api;

  constructor(api: Api, name: string, url: string) {
    this.#api = api;
    this.name = name;
    this.url = url;
  }

  /** Runs a command to its end, or until its ports are open, and returns its output. @throws Error when it fails */
  async exec(command: string, options: ExecOptions = {}): Promise<string> {
    const waitForCompletion = options.waitForPorts === undefined;
    const body = JSON.stringify({ ...options, command, waitForCompletion });
    const response = await this.#api.fetch(`${this.url}/process`, { method: "POST", body });
    const { exitCode, stdout, logs } = Exec.parse(await readJson(response, command));
    if (exitCode !== 0) throw new Error(`"${command}" exited with ${exitCode}: ${logs}`);
    return stdout;
  }

  /** Address of the sandbox on this machine. */
  async address(): Promise<string> {
    return (await this.exec(`node -p "os.networkInterfaces().eth0[0].address"`)).trim();
  }

  async write(path: string, content: string): Promise<void> {
    const response = await this.#api.fetch(`${this.url}/filesystem${path}`, {
      method: "PUT",
      body: JSON.stringify({ content }),
    });
    await readJson(response, `write ${path}`);
  }

  /** `files`: contents by path below `folder`, which is absolute. */
  async writeTree(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
    const response = await this.#api.fetch(`${this.url}/filesystem/tree/${folder}`, {
      method: "PUT",
      body: JSON.stringify({ files }),
    });
    await readJson(response, `writeTree ${folder}`);
  }

  remove(): Promise<void> {
    return this.#api.remove(this.name);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.remove();
  }
}

async function readJson(response: Response, what: string): Promise<unknown> {
  if (response.ok) return response.json();
  throw new Error(`${what} was answered ${response.status}: ${await response.text()}`);
}
