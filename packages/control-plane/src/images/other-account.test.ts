import { expect, test } from "bun:test";
import type { PendingImageShareAnswer } from "@dormouse/schema";
import { as, makeAccount, makeKey } from "../../testkit/accounts.ts";
import { pushVersion } from "../../testkit/images.ts";
import { startServer, type TestServer } from "../../testkit/server.ts";

interface SocketServer extends AsyncDisposable {
  readonly server: TestServer;
}

/** A server whose every call goes through a real socket. */
async function startOnSocket(): Promise<SocketServer> {
  const inner = await startServer();
  const listener = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: inner.fetch });
  const send = async (request: Request): Promise<Response> => {
    const { pathname, search, host } = new URL(request.url);
    const headers = new Headers(request.headers);
    headers.set("host", host);
    const { method } = request;
    const body = method === "GET" ? undefined : await request.text();
    return fetch(`http://127.0.0.1:${listener.port}${pathname}${search}`, { method, headers, body });
  };
  return {
    server: Object.create(inner, { fetch: { value: send } }) as TestServer,
    async [Symbol.asyncDispose]() {
      await listener.stop(true);
      await inner[Symbol.asyncDispose]();
    },
  };
}

test("F100 F260 an account made through the API has another's image once its administrator agrees, and sees nothing else of it", async () => {
  await using running = await startOnSocket();
  const { server } = running;
  await pushVersion(server, "tools");
  await pushVersion(server, "private");
  const { id: targetAccountId, owner, token } = await makeAccount(server, "partner", "ada@example.com");
  const imagesOf = async (headers: Record<string, string>) =>
    (await server.call("GET", "/images", undefined, headers)).body;
  const create = (name: string, image: string) =>
    server.call("POST", "/sandboxes", { metadata: { name }, spec: { runtime: { image } } }, owner);
  expect(await imagesOf(owner)).toEqual([]);
  const offer = { targetWorkspace: "partner", targetAccountId };
  const offered = await server.call("POST", "/images/sandbox/tools/share", offer);
  expect(offered.status).toBe(202);
  const pending = `/pending-image-shares/${(offered.body as PendingImageShareAnswer).id}`;
  expect(await imagesOf(owner)).toEqual([]);
  expect(await create("early", "sandbox/tools")).toMatchObject({ status: 400 });
  const member = as(await makeKey(server, "member", as(token, "partner")));
  for (const headers of [member, {}]) {
    expect(await server.call("POST", `${pending}/accept`, undefined, headers)).toMatchObject({ status: 403 });
  }
  expect(await server.call("POST", `${pending}/accept`, undefined, owner)).toMatchObject({ status: 200 });
  expect(await imagesOf(owner)).toMatchObject([{ metadata: { name: "tools", sourceWorkspace: "default" } }]);
  expect(await create("box", "sandbox/tools")).toMatchObject({ status: 200 });
  expect(await create("other", "sandbox/private")).toMatchObject({ status: 400 });
  expect(await server.call("GET", "/sandboxes/box")).toMatchObject({ status: 404 });
  expect(await server.call("GET", "/sandboxes/box", undefined, as(server.apiKey, "partner"))).toMatchObject({
    status: 403,
  });
  expect(await server.call("DELETE", `/accounts/${targetAccountId}`)).toMatchObject({ status: 409 });
});
