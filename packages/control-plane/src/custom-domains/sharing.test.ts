import { expect, test } from "bun:test";
import { WorkspaceName } from "@dormouse/schema";
import { as, makeKey } from "../../testkit/accounts.ts";
import {
  addDomain,
  addVerified,
  RIVAL,
  served,
  startWithRival,
  verify,
  type RivalBench,
} from "../../testkit/domains.ts";
import type { Answer } from "../../testkit/server.ts";

const DOMAIN = "shop.example";
const SHARE = `/customdomains/${DOMAIN}/share`;

/** A verified domain of the first workspace, which the second one does not see yet. */
async function startWithDomain(): Promise<RivalBench> {
  const bench = await startWithRival();
  await addVerified(bench.server, DOMAIN);
  return bench;
}

const share = ({ server }: RivalBench, targetWorkspace: string): Promise<Answer> =>
  server.call("POST", SHARE, { targetWorkspace });

async function show({ server, rival }: RivalBench, prefixUrl: string, mine = false, query = ""): Promise<Answer> {
  const headers = mine ? {} : rival;
  await server.call("POST", "/sandboxes?createIfNotExist=true", { metadata: { name: "box" } }, headers);
  const body = { metadata: { name: prefixUrl }, spec: { port: 3000, customDomain: DOMAIN, prefixUrl } };
  return server.call("POST", `/sandboxes/box/previews${query}`, body, headers);
}

test.each([RIVAL as string, "account"])(
  "F171 a domain shared with %j is a read-only copy that takes previews",
  async (target) => {
    await using bench = await startWithDomain();
    const { server, rival } = bench;
    expect(await show(bench, "www")).toMatchObject({ status: 400 });
    expect(await share(bench, target)).toMatchObject({ status: 200, body: { metadata: { workspace: "default" } } });
    expect(await share(bench, target)).toMatchObject({ status: 200 });
    const workspaceDisplayName = target === "account" ? "" : RIVAL;
    expect((await server.call("GET", SHARE)).body).toEqual([
      { status: "active", workspace: target, workspaceDisplayName },
    ]);
    const copy = {
      metadata: { name: DOMAIN, workspace: RIVAL, sharedFromWorkspace: "default" },
      spec: { status: "verified" },
    };
    expect((await server.call("GET", "/customdomains", undefined, rival)).body).toMatchObject([copy]);
    expect((await server.call("GET", `/customdomains/${DOMAIN}`, undefined, rival)).body).toMatchObject(copy);
    for (const [method, path] of [
      ["PUT", ""],
      ["DELETE", ""],
      ["POST", "/verify"],
      ["POST", "/share"],
      ["DELETE", `/share/${target}`],
    ] as const) {
      const answer = await server.call(method, `/customdomains/${DOMAIN}${path}`, { targetWorkspace: "x" }, rival);
      expect(answer).toMatchObject({ status: 403, body: { error: "FORBIDDEN" } });
    }
    expect(await show(bench, "www")).toMatchObject({ body: { spec: { url: "https://www.shop.example" } } });
    expect(served(server, "www.shop.example")).toBe("rival/box:3000 under shop.example");
  },
);

test("F171 a host under a shared domain is one workspace's: the other cannot take it, not even by force", async () => {
  await using bench = await startWithDomain();
  await share(bench, RIVAL);
  await show(bench, "www", true);
  for (const query of ["", "?force=true"]) {
    expect(await show(bench, "www", false, query)).toMatchObject({ status: 409 });
  }
  expect(served(bench.server, "www.shop.example")).toBe("box:3000 under shop.example");
});

test("F171 F172 the fallback of a shared domain is its owner's", async () => {
  await using bench = await startWithDomain();
  const { server } = bench;
  await share(bench, RIVAL);
  await show(bench, "theirs");
  const set = (fallbackPreviewId: string) =>
    server.call("PUT", `/customdomains/${DOMAIN}`, { spec: { fallbackPreviewId } });
  expect(await set("theirs")).toMatchObject({ status: 400 });
  await show(bench, "mine", true);
  expect(await set("mine")).toMatchObject({ status: 200 });
  expect(served(server, "any.shop.example")).toBe("box:3000 as fallback of shop.example");
});

test("F171 when a share ends, what it allowed is gone at once; another share still counts", async () => {
  await using bench = await startWithDomain();
  const { server, rival } = bench;
  for (const target of [RIVAL, "account"]) await share(bench, target);
  await show(bench, "theirs");
  await show(bench, "mine", true);
  const unshare = (target: string) => server.call("DELETE", `${SHARE}/${target}`);
  expect(await unshare(RIVAL)).toMatchObject({ status: 200 });
  expect(served(server, "theirs.shop.example")).toBe("rival/box:3000 under shop.example");
  expect(await unshare("account")).toMatchObject({ status: 200 });
  expect(served(server, "theirs.shop.example")).toBeUndefined();
  expect(served(server, "mine.shop.example")).toBe("box:3000 under shop.example");
  expect((await server.call("GET", "/sandboxes/box/previews", undefined, rival)).body).toEqual([]);
  expect((await server.call("GET", "/customdomains", undefined, rival)).body).toEqual([]);
  expect(await unshare(RIVAL)).toMatchObject({ status: 404, body: { error: "DOMAIN_NOT_FOUND" } });
  expect(await show(bench, "again")).toMatchObject({ status: 400 });
});

test("F171 with the domain its shared copies go; one that fails serves nobody", async () => {
  await using bench = await startWithDomain();
  const { server, rival } = bench;
  await share(bench, RIVAL);
  await show(bench, "theirs");
  server.dns.txt.clear();
  await verify(server, DOMAIN);
  expect(served(server, "theirs.shop.example")).toBeUndefined();
  expect(await server.call("GET", `/customdomains/${DOMAIN}`, undefined, rival)).toMatchObject({
    body: { spec: { status: "failed" } },
  });
  await server.call("DELETE", `/customdomains/${DOMAIN}`);
  expect(await server.call("GET", `/customdomains/${DOMAIN}`, undefined, rival)).toMatchObject({ status: 404 });
  expect((await server.call("GET", "/sandboxes/box/previews", undefined, rival)).body).toEqual([]);
});

test("F171 a domain is shared within its account, when it is verified, and with nobody who claims the same one", async () => {
  await using bench = await startWithRival();
  const { server, rival } = bench;
  await addDomain(server, DOMAIN, rival);
  await addDomain(server, DOMAIN);
  expect(await share(bench, RIVAL)).toMatchObject({ status: 400 });
  await server.call("DELETE", `/customdomains/${DOMAIN}`);
  await addVerified(server, DOMAIN);
  for (const target of [RIVAL, "account"]) {
    expect(await share(bench, target)).toMatchObject({ status: 409, body: { error: "DOMAIN_ALREADY_EXISTS" } });
  }
  const { people } = server.deps.directory.credentials;
  people.putWorkspace({ name: WorkspaceName.parse("stranger"), accountId: "another" });
  for (const target of ["stranger", "nobody"]) {
    expect(await share(bench, target)).toMatchObject({ status: 404, body: { error: "WORKSPACE_NOT_FOUND" } });
  }
  expect(await share(bench, "default")).toMatchObject({ status: 400 });
  await server.call("DELETE", `/customdomains/${DOMAIN}`, undefined, rival);
  expect(await share(bench, RIVAL)).toMatchObject({ status: 200 });
});

test("F171 only administrators share, and a workspace of the same name is another one", async () => {
  await using bench = await startWithDomain();
  const { server } = bench;
  const member = as(await makeKey(server, "member"), "default");
  expect(await server.call("POST", SHARE, { targetWorkspace: RIVAL }, member)).toMatchObject({ status: 403 });
  await share(bench, RIVAL);
  expect(await server.call("DELETE", `${SHARE}/${RIVAL}`, undefined, member)).toMatchObject({ status: 403 });
  expect(await server.call("GET", SHARE, undefined, member)).toMatchObject({ status: 200 });
  const owner = { "x-blaxel-workspace": RIVAL };
  expect((await server.call("GET", "/customdomains", undefined, owner)).body).toHaveLength(1);
  await server.call("DELETE", `/workspaces/${RIVAL}`);
  expect(await server.call("POST", "/workspaces", { name: RIVAL })).toMatchObject({ status: 200 });
  expect((await server.call("GET", "/customdomains", undefined, owner)).body).toEqual([]);
});
