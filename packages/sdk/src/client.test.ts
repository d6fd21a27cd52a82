import { expect, test } from "bun:test";
import { AppError } from "@dormouse/kernel";
import { ApiError } from "./api-error.ts";
import { type Client, createClient } from "./client.ts";
import { accessTokenCredential, apiKeyCredential } from "./credential.ts";
import { listAll, listPage } from "./pages.ts";

type Answer = (request: Request) => Response | Promise<Response>;

interface Received {
  readonly url: string;
  readonly headers: Headers;
  readonly body: string;
}

interface TestServer extends Disposable {
  readonly url: string;
  readonly requests: readonly Received[];
}

function serve(answer: Answer): TestServer {
  const requests: Received[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request) => {
      const { url, headers } = request;
      requests.push({ url, headers: new Headers(headers), body: await request.text() });
      return answer(request);
    },
  });
  return { url: server.url.origin, requests, [Symbol.dispose]: () => void server.stop(true) };
}

const clientOf = ({ url }: TestServer): Client =>
  createClient({ apiUrl: `${url}/v0/`, workspace: "main", credential: apiKeyCredential("dm_key") });

test("a request carries who asks, for which workspace, and the version that has pages", async () => {
  using server = serve(() => Response.json({ ok: true }, { headers: { "x-blaxel-upload-url": "http://upload" } }));
  const { data, headers } = await clientOf(server).exchange("PUT", "/sandboxes/a%20b", {
    query: { upload: true, none: undefined },
    body: { x: 1 },
  });
  expect(data).toEqual({ ok: true });
  expect(headers.get("x-blaxel-upload-url")).toBe("http://upload");
  const request = server.requests[0];
  expect(request?.url).toBe(`${server.url}/v0/sandboxes/a%20b?upload=true`);
  expect(Object.fromEntries(request?.headers ?? [])).toMatchObject({
    authorization: "Bearer dm_key",
    "x-blaxel-workspace": "main",
    "blaxel-version": "2026-04-28",
    "content-type": "application/json",
  });
  expect(request?.body).toBe('{"x":1}');
});

test("an access token travels in a header of its own, and calls that need a new one share the renewal", async () => {
  using server = serve(() => Response.json({}));
  let renewals = 0;
  const renew = async () => ({
    access_token: tokenFor(3600),
    token_type: "Bearer" as const,
    expires_in: (renewals += 1),
  });
  const credential = accessTokenCredential({ accessToken: tokenFor(1, 100), renew });
  const client = createClient({ apiUrl: server.url, workspace: "main", credential });
  await Promise.all([client.request("GET", "/a"), client.request("GET", "/b")]);
  await client.request("GET", "/c");
  expect(renewals).toBe(1);
  for (const { headers } of server.requests) {
    expect(headers.get("x-blaxel-authorization")).toStartWith("Bearer ey");
    expect(headers.has("authorization")).toBeFalse();
  }
});

/** A token with `leftS` of its lifetime left. */
function tokenFor(leftS: number, lifetimeS = leftS): string {
  const exp = Math.floor(Date.now() / 1000) + leftS;
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "HS256" })}.${part({ iat: exp - lifetimeS, exp })}.x`;
}

test.each([
  [
    "the control plane",
    { code: 404, error: "SANDBOX_NOT_FOUND", message: "Cannot find it" },
    "SANDBOX_NOT_FOUND",
    "Cannot find it",
  ],
  ["creating a sandbox", { code: "INVALID_IMAGE", message: "No image" }, "INVALID_IMAGE", "No image"],
  ["the gateway", { error: { code: "HOST_FULL", message: "Full", hint: "Wait" } }, "HOST_FULL", "Full"],
  ["the sandbox API", { error: "process not found" }, "", "process not found"],
  ["OAuth", { error: "invalid_grant", error_description: "Cannot refresh" }, "invalid_grant", "Cannot refresh"],
])("a failure of %s becomes an ApiError", async (_, body, code, message) => {
  using server = serve(() => Response.json(body, { status: 404 }));
  const error = await clientOf(server)
    .request("GET", "/x")
    .catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({ status: 404, code, message });
});

test.each(["", "<html><h1>Teapot</h1></html>"])("a failure without words, %p, says the status", async (body) => {
  using server = serve(() => new Response(body, { status: 418, statusText: "I'm a Teapot" }));
  await expect(clientOf(server).request("GET", "/x")).rejects.toThrow("The server answered 418");
});

test("what is no list is not taken for one", async () => {
  using server = serve(() => new Response("<html></html>"));
  await expect(listPage(clientOf(server), "/sandboxes")).rejects.toThrow("the answer is no list");
});

test.each([
  ["409 that says nothing", 409, {}, 3],
  ["409 that says no", 409, { "x-should-retry": "false" }, 1],
  ["400 that says yes", 400, { "x-should-retry": "true" }, 3],
  ["503", 503, {}, 3],
  ["404", 404, {}, 1],
  ["429 that asks for too much", 429, { "retry-after": "3600" }, 1],
])("how often %s is asked", async (_, status, headers, count) => {
  using server = serve(() =>
    Response.json({ error: "X" }, { status, headers: { "retry-after-ms": "1", ...dropMs(headers) } }),
  );
  await expect(clientOf(server).request("POST", "/x", { body: {} })).rejects.toThrow();
  expect(server.requests).toHaveLength(count);
});

const dropMs = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  "retry-after" in headers ? { ...headers, "retry-after-ms": "x" } : headers;

test("a POST into a sandbox is sent once only: it might run twice", async () => {
  using server = serve(() => Response.json({ error: "X" }, { status: 503, headers: { "retry-after-ms": "1" } }));
  const sandbox = clientOf(server).at(`${server.url}/run/main/sandboxes/box`);
  await expect(sandbox.request("POST", "/process", { body: {} })).rejects.toThrow();
  expect(server.requests).toHaveLength(1);
  await expect(sandbox.request("GET", "/process")).rejects.toThrow();
  expect(server.requests).toHaveLength(4);
});

test("no server is an error that says which, and no answer is waited for once the caller has left", async () => {
  const client = createClient({ apiUrl: "http://127.0.0.1:9/v0", workspace: "main" });
  const error = await client.request("GET", "/x", { retries: 0 }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(AppError);
  expect(error).toMatchObject({
    code: "UPSTREAM_UNREACHABLE",
    message: expect.stringMatching(/^Cannot reach http:\/\/127\.0\.0\.1:9: [^?]+[^.?]$/),
  });
  using server = serve(() => new Promise<Response>(() => undefined));
  const leaving = new AbortController();
  const call = clientOf(server).request("GET", "/x", { signal: leaving.signal });
  leaving.abort();
  await expect(call).rejects.toThrow("abort");
});

test("lists are read page by page, and bare ones are one page", async () => {
  using server = serve(({ url }) => {
    const cursor = new URL(url).searchParams.get("cursor");
    if (url.includes("/bare")) return Response.json([1, 2]);
    return Response.json(
      cursor === null ? { data: [1], meta: { nextCursor: "c" } } : { data: [2], meta: { nextCursor: "" } },
    );
  });
  for (const path of ["/paged", "/bare"]) {
    const found: number[] = [];
    for await (const { data } of listAll<number>(clientOf(server), path)) found.push(...data);
    expect(found).toEqual([1, 2]);
  }
});
