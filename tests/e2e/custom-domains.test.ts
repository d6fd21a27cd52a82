import { afterAll, expect, test } from "bun:test";
import { DnsServer } from "@dormouse/engine/testkit";
import type { CustomDomainAnswer, PreviewAnswer } from "@dormouse/schema";
import { appServer } from "../support/app-server.ts";
import { useDormouse } from "../support/suite.ts";

const PORT = 3000;
const NAME = "shop";
const DOMAIN = "shop.example";

/** What the owner of the domain has put into DNS: TXT values by name. */
const zone = new Map<string, string>();
const dns = await DnsServer.start((name) => {
  const value = zone.get(name);
  return value === undefined ? { rcode: 3 } : { rcode: 0, records: [{ type: "TXT", value }] };
});
const suite = useDormouse({ DORMOUSE_DNS_SERVERS: dns.address });
afterAll(() => dns[Symbol.asyncDispose]());

/** As the browser of somebody whose DNS leads the name here. */
async function visit(host: string, path: string, headers: Readonly<Record<string, string>> = {}): Promise<string> {
  const { port } = new URL(suite.dormouse.url);
  const url = `${suite.dormouse.url}${path}`;
  const answer = await fetch(url, { headers: { ...headers, host: `${host}:${port}` }, redirect: "manual" });
  return `${answer.status} ${await answer.text()}`;
}

const seenBy = async (host: string): Promise<Record<string, string>> => {
  const text = await visit(host, "/headers", { "X-Blaxel-Fallback-Preview": "spoofed" });
  return (JSON.parse(text.slice(4)) as { headers: Record<string, string> }).headers;
};

test("F170 F171 a domain that DNS proves shows previews under names of its own", async () => {
  await suite.api.create(NAME);
  await appServer(suite.api, NAME, PORT);
  const claim = await suite.api.call<CustomDomainAnswer>("POST", "/customdomains", {
    body: { metadata: { name: DOMAIN } },
  });
  expect(claim.body.spec.status).toBe("pending");
  const refused = await suite.api.call("POST", `/sandboxes/${NAME}/previews`, {
    body: { metadata: { name: "www" }, spec: { port: PORT, customDomain: DOMAIN, prefixUrl: "www" } },
  });
  expect(refused).toMatchObject({ status: 400, body: { message: expect.stringContaining("_dormouse-challenge") } });
  const verify = async (): Promise<string> =>
    (await suite.api.call<CustomDomainAnswer>("POST", `/customdomains/${DOMAIN}/verify`, { body: {} })).body.spec
      .status;
  expect(await verify()).toBe("failed");
  for (const [name, value] of Object.entries(claim.body.spec.txtRecords)) zone.set(name, value);
  expect(await verify()).toBe("verified");

  const spec = { port: PORT, customDomain: DOMAIN, prefixUrl: "www", public: true };
  const preview = await suite.api.createPreview(NAME, spec, "www");
  expect(new URL(preview.spec.url).hostname).toBe("www.shop.example");
  expect(await visit("www.shop.example", "/hello")).toStartWith("200 hello from www.shop.example");
  expect(await visit("www.shop.example", "/v0/sandboxes")).toBe("404 the app has no /v0/sandboxes");
  expect(await visit("other.shop.example", "/hello")).toStartWith("404 ");

  const inner = await suite.api.createPreview(NAME, { ...spec, prefixUrl: "inner", public: false }, "inner");
  const token = await suite.api.createToken(NAME, "inner");
  expect(await visit("inner.shop.example", "/hello")).toStartWith("401 ");
  expect(await visit("inner.shop.example", `/hello?bl_preview_token=${token}`)).toStartWith("200 ");
  expect(await visit("www.shop.example", `/headers?bl_preview_token=${token}`)).toContain('"url":"/headers"');
  expect(new URL(inner.spec.url).hostname).toBe("inner.shop.example");
});

test("F172 the fallback serves every name under the domain that has no preview, and is told which", async () => {
  const update = { body: { spec: { fallbackPreviewId: "www" } } };
  expect((await suite.api.call("PUT", `/customdomains/${DOMAIN}`, update)).status).toBe(200);
  expect(await seenBy("tenant-7.shop.example")).toMatchObject({
    "x-blaxel-fallback": "true",
    "x-blaxel-fallback-preview": "tenant-7",
    "x-blaxel-fallback-domain": DOMAIN,
  });
  const own = await seenBy("www.shop.example");
  expect(Object.keys(own).filter((name) => name.startsWith("x-blaxel-"))).toEqual([]);
});

test("F171 domains outlive a restart; deleted, they serve nothing at once", async () => {
  await suite.dormouse.stop();
  await suite.startAgain();
  expect(await visit("www.shop.example", "/hello")).toStartWith("200 hello");
  expect(await visit("tenant-7.shop.example", "/hello")).toStartWith("200 hello");
  expect((await suite.api.call("DELETE", `/customdomains/${DOMAIN}`)).status).toBe(200);
  for (const host of ["www.shop.example", "tenant-7.shop.example"])
    expect(await visit(host, "/hello")).toStartWith("404 ");
  const { body } = await suite.api.call<PreviewAnswer[]>("GET", `/sandboxes/${NAME}/previews`);
  expect(body).toEqual([]);
});
