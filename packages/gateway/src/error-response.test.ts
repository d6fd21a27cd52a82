import { AppError } from "@dormouse/kernel";
import { expect, test } from "bun:test";
import { API_KEY, GatewayBench, type BenchOptions } from "./testkit/gateway-bench.ts";
import { startRelayAgent } from "./testkit/relay-agent.ts";
import { exchange } from "./testkit/raw-client.ts";

interface Failure {
  readonly code: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly options?: BenchOptions;
  readonly prepare?: (bench: GatewayBench) => unknown;
}

const withKey = { Authorization: `Bearer ${API_KEY}` };
const fallAsleep = (bench: GatewayBench): void =>
  bench.life.track({ id: bench.sandbox.sandboxId, address: bench.address, state: "asleep" });

const FAILURES: Failure[] = [
  { code: "ROUTE_NOT_FOUND", path: "/preview/none/" },
  { code: "SANDBOX_NOT_FOUND", path: "/run/acme/sandboxes/none/", headers: withKey },
  { code: "UNAUTHENTICATED", path: "/preview/closed/" },
  { code: "PREVIEW_EXPIRED", path: "/preview/open/", options: { preview: { expiresAtMs: 1 } } },
  { code: "UPSTREAM_UNREACHABLE", path: "/preview/open/", prepare: (bench) => startRelayAgent(bench) },
  {
    code: "HOST_FULL",
    path: "/preview/open/",
    prepare(bench) {
      fallAsleep(bench);
      bench.engine.beforeWake = () =>
        Promise.reject(new AppError("HOST_FULL", "Cannot wake it: the memory is used up"));
    },
  },
  {
    code: "FORBIDDEN",
    path: "/preview/open/",
    prepare(bench) {
      fallAsleep(bench);
      bench.engine.beforeWake = () => Promise.reject(new AppError("FORBIDDEN", "Cannot start it again: it may not"));
    },
  },
  {
    code: "ENGINE_UNAVAILABLE",
    path: "/preview/open/",
    prepare(bench) {
      fallAsleep(bench);
      bench.engine.beforeWake = () => Promise.reject(new Error("a secret of the engine"));
    },
  },
];

test.each(FAILURES)("$code is told to programs by header and JSON, to browsers as a page", async (failure) => {
  await using bench = new GatewayBench(failure.options);
  await failure.prepare?.(bench);
  const ask = (accept: string): Promise<Response> =>
    fetch(bench.url + failure.path, { headers: { ...failure.headers, Host: "192.0.2.7", Accept: accept } });
  const forProgram = await ask("*/*");
  const body = (await forProgram.json()) as { error: { reason: string; status: number; message: string } };
  expect(body.error).toMatchObject({ reason: failure.code, status: forProgram.status });
  expect(body.error.message).toStartWith("Cannot ");
  const forBrowser = await ask("text/html,*/*");
  const page = await forBrowser.text();
  expect(page).toContain(failure.code);
  expect(page).not.toContain("a secret of the engine");
  for (const { status, headers } of [forProgram, forBrowser]) {
    expect(status).toBe(forProgram.status);
    expect(headers.get("x-blaxel-source")).toBe("platform");
    expect(headers.get("x-dormouse-error")).toBe(failure.code);
    expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.has("retry-after")).toBe(status >= 500);
  }
  expect(forProgram.headers.has("refresh")).toBe(false);
  expect(forBrowser.headers.has("refresh")).toBe(forBrowser.status >= 503);
});

test("a failure is told as well when the Host header is no host", async () => {
  await using bench = new GatewayBench();
  const lines = [
    "GET /preview/none/?bl_preview_token=x HTTP/1.1",
    "Host: a b",
    "Accept: text/html",
    "Connection: close",
  ];
  const { status, body } = await exchange(bench.port, `${lines.join("\r\n")}\r\n\r\n`);
  expect(status).toBe(404);
  expect(body).toContain("ROUTE_NOT_FOUND");
  expect(body).not.toContain("bl_preview_token");
});

test("a wake that takes long is told in time, goes on, and serves the next request", async () => {
  await using bench = new GatewayBench({ wakeTimeoutMs: 50 });
  await bench.listenHttp(3000, (_request, response) => response.end("awake"));
  fallAsleep(bench);
  const woken = Promise.withResolvers<void>();
  bench.engine.beforeWake = () => woken.promise;
  const late = await fetch(`${bench.url}/preview/open/`);
  expect([late.status, late.headers.get("x-dormouse-error")]).toEqual([504, "SANDBOX_WAKE_TIMEOUT"]);
  const next = fetch(`${bench.url}/preview/open/`);
  woken.resolve();
  expect(await (await next).text()).toBe("awake");
  expect(bench.engine.calls.filter((call) => call === "wake")).toHaveLength(1);
});

test("an app cannot pass for the platform", async () => {
  await using bench = new GatewayBench();
  await bench.listenHttp(3000, (_request, response) => {
    response
      .writeHead(404, {
        "x-blaxel-source": "platform",
        "x-blaxel-error-code": "ROUTE_NOT_FOUND",
        "x-dormouse-error": "ROUTE_NOT_FOUND",
      })
      .end("mine");
  });
  const answer = await fetch(`${bench.url}/preview/open/`);
  expect([answer.status, await answer.text()]).toEqual([404, "mine"]);
  for (const name of ["x-blaxel-source", "x-blaxel-error-code", "x-dormouse-error"])
    expect(answer.headers.has(name)).toBe(false);
});

const EDGE_CODES: (Failure & { readonly edgeCode: string })[] = [
  { edgeCode: "ROUTE_NOT_FOUND", code: "ROUTE_NOT_FOUND", path: "/preview/none/" },
  { edgeCode: "AUTHENTICATION_REQUIRED", code: "UNAUTHENTICATED", path: "/run/acme/sandboxes/box/" },
  { edgeCode: "AUTHENTICATION_REQUIRED", code: "UNAUTHENTICATED", path: "/preview/closed/" },
  { edgeCode: "AUTHENTICATION_FAILED", code: "UNAUTHENTICATED", path: "/preview/closed/?bl_preview_token=old" },
  { edgeCode: "AUTHENTICATION_FAILED", code: "UNAUTHENTICATED", path: "/run/acme/sandboxes/box/?token=old" },
  {
    edgeCode: "AUTHENTICATION_FAILED",
    code: "UNAUTHENTICATED",
    path: "/run/acme/sandboxes/box/",
    headers: { Authorization: "Bearer old" },
  },
  {
    edgeCode: "FORBIDDEN",
    code: "FORBIDDEN",
    path: "/run/acme/sandboxes/box/",
    headers: { ...withKey, "X-Blaxel-Workspace": "other" },
  },
  { edgeCode: "BAD_REQUEST", code: "INVALID_ARGUMENT", path: "/run/acme/sandboxes/box/port/80/", headers: withKey },
  { edgeCode: "WORKLOAD_NOT_FOUND", code: "SANDBOX_NOT_FOUND", path: "/run/acme/sandboxes/none/", headers: withKey },
  {
    edgeCode: "WORKLOAD_UNAVAILABLE",
    code: "ENGINE_UNAVAILABLE",
    path: "/preview/open/",
    prepare(bench) {
      fallAsleep(bench);
      bench.engine.beforeWake = () => Promise.reject(new Error("it is not there"));
    },
  },
  {
    edgeCode: "PREVIEW_EXPIRED",
    code: "PREVIEW_EXPIRED",
    path: "/preview/open/",
    options: { preview: { expiresAtMs: 1 } },
  },
  {
    edgeCode: "UPSTREAM_UNREACHABLE",
    code: "UPSTREAM_UNREACHABLE",
    path: "/preview/open/",
    prepare: (bench) => startRelayAgent(bench),
  },
];

test.each(EDGE_CODES)(
  "F268 $edgeCode has the shape that clients of Blaxel read ($path)",
  async ({ edgeCode, code, path, headers, options, prepare }) => {
    await using bench = new GatewayBench(options);
    await prepare?.(bench);
    const response = await fetch(bench.url + path, { headers: { ...headers } });
    const { error } = (await response.json()) as { error: Record<string, unknown> };
    expect(error).toMatchObject({
      action: expect.stringMatching(/^[A-Z].*\.$/) as string,
      code: edgeCode,
      do_not: expect.stringMatching(/^Do not .*\.$/) as string,
      docs_url: `${bench.url}/v0/docs`,
      message: expect.stringMatching(/^Cannot /) as string,
      origin: "platform",
      reason: code,
      retryable: response.status >= 500,
      status: response.status,
      timestamp: expect.stringMatching(/^\d{4}-.*Z$/) as string,
    });
    expect(response.headers.get("x-blaxel-source")).toBe("platform");
    expect(response.headers.get("x-blaxel-error-code")).toBe(edgeCode);
    expect(response.headers.get("x-dormouse-error")).toBe(code);
  },
);
