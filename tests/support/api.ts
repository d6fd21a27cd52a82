import type { PreviewAnswer, PreviewTokenAnswer, ProcessResponse, SandboxAnswer } from "@dormouse/schema";

export interface Answer<T = unknown> {
  readonly status: number;
  readonly body: T;
}

export interface ApiRequest {
  readonly body?: unknown;
  /** Over the usual ones. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** What a user without an SDK has: plain HTTP with an API key. */
export class Api {
  readonly env: Readonly<Record<string, string>>;
  /** Certificates to trust, PEM. */
  readonly #tls: { readonly ca?: string };

  /** `env` is what `dormouse env` prints. */
  constructor(env: Readonly<Record<string, string>>, ca?: string) {
    this.env = env;
    this.#tls = ca === undefined ? {} : { ca };
  }

  get key(): string {
    return this.env["BL_API_KEY"] ?? "";
  }

  /** Of the control plane, such as `/sandboxes`. A body that is no text is sent as JSON. */
  async call<T = unknown>(method: string, path: string, request: ApiRequest = {}): Promise<Answer<T>> {
    const { body, headers } = request;
    const response = await fetch(`${this.env["BL_API_URL"]}${path}`, {
      method,
      tls: this.#tls,
      headers: { authorization: `Bearer ${this.key}`, "content-type": "application/json", ...headers },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as T };
  }

  /** Resolves when the sandbox serves. */
  async create(name: string, spec: Readonly<Record<string, unknown>> = {}): Promise<SandboxAnswer> {
    const body = { metadata: { name }, spec: { ...spec, runtime: { memory: 512, ...(spec["runtime"] as object) } } };
    return expectOk(await this.call<SandboxAnswer>("POST", "/sandboxes", { body }));
  }

  async get(name: string): Promise<SandboxAnswer> {
    return expectOk(await this.call<SandboxAnswer>("GET", `/sandboxes/${name}`));
  }

  async list(): Promise<string[]> {
    const sandboxes = expectOk(await this.call<SandboxAnswer[]>("GET", "/sandboxes"));
    return sandboxes.map(({ metadata }) => metadata.name);
  }

  async remove(name: string): Promise<void> {
    expectOk(await this.call("DELETE", `/sandboxes/${name}`));
  }

  async removeAll(): Promise<void> {
    await Promise.all((await this.list()).map((name) => this.remove(name)));
  }

  /** Resolves when the sandbox is in this state, which it reaches by itself. */
  async untilState(name: string, state: "RUNNING" | "STANDBY", timeoutMs = 20_000): Promise<void> {
    const deadlineMs = performance.now() + timeoutMs;
    while ((await this.get(name)).state !== state) {
      if (performance.now() > deadlineMs) throw new Error(`sandbox "${name}" is not ${state} after ${timeoutMs} ms`);
      await Bun.sleep(20);
    }
  }

  sandboxUrl(name: string): string {
    return `${this.env["BL_RUN_URL"]}/${this.env["BL_WORKSPACE"]}/sandboxes/${name}`;
  }

  /** A request to the sandbox API, or with `/port/N/…` to an app. */
  fetch(name: string, path: string, init: RequestInit = {}): Promise<Response> {
    const headers = { authorization: `Bearer ${this.key}`, ...(init.headers as Record<string, string>) };
    return fetch(`${this.sandboxUrl(name)}${path}`, { ...init, headers, tls: this.#tls });
  }

  /** The body of such a request, which must succeed. */
  async text(name: string, path: string, init: RequestInit = {}): Promise<string> {
    const response = await this.fetch(name, path, init);
    const text = await response.text();
    if (!response.ok) throw new Error(`${path} of sandbox "${name}" answered ${response.status}: ${text}`);
    return text;
  }

  /** Starts a process by the body of `POST /process`. */
  async process(name: string, request: Readonly<Record<string, unknown>>): Promise<ProcessResponse> {
    const answer = await this.text(name, "/process", { method: "POST", body: JSON.stringify(request) });
    return JSON.parse(answer) as ProcessResponse;
  }

  /** What a shell command in the sandbox prints. */
  async run(name: string, command: string): Promise<string> {
    const { exitCode, stdout, logs } = await this.process(name, { command, waitForCompletion: true });
    if (exitCode !== 0) throw new Error(`"${command}" exited with ${exitCode}: ${logs}`);
    return stdout ?? "";
  }

  async write(name: string, path: string, content: string): Promise<void> {
    await this.text(name, `/filesystem/${encodeURIComponent(path)}`, {
      method: "PUT",
      body: JSON.stringify({ content }),
    });
  }

  async createPreview(name: string, spec: Readonly<Record<string, unknown>>, preview?: string): Promise<PreviewAnswer> {
    const body = { metadata: { name: preview }, spec };
    return expectOk(await this.call<PreviewAnswer>("POST", `/sandboxes/${name}/previews`, { body }));
  }

  async createToken(name: string, preview: string, expiresAt = new Date(Date.now() + 3_600_000)): Promise<string> {
    const path = `/sandboxes/${name}/previews/${preview}/tokens`;
    const body = { metadata: {}, spec: { expiresAt: expiresAt.toISOString() } };
    return expectOk(await this.call<PreviewTokenAnswer>("POST", path, { body })).spec.token;
  }
}

function expectOk<T>({ status, body }: Answer<T>): T {
  if (status >= 200 && status < 300) return body;
  throw new Error(`the API answered ${status}: ${JSON.stringify(body)}`);
}
