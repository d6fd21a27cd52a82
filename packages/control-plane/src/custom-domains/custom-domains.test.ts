import { expect, test } from "bun:test";
import type { CustomDomainAnswer } from "@dormouse/schema";
import { as, makeKey } from "../../testkit/accounts.ts";
import { addDomain, addVerified, publish, verify } from "../../testkit/domains.ts";
import { startServer } from "../../testkit/server.ts";

const PUBLIC = { settings: { publicUrl: "https://box.dormouse.example" } };
const TXT = "_dormouse-challenge.shop.example.com";

test("F171 a claimed domain is pending and says what to put into DNS; nothing a client sends makes it verified", async () => {
  await using server = await startServer(PUBLIC);
  const made = await server.call("POST", "/customdomains", {
    metadata: { name: "Shop.Example.com", displayName: "Shop", labels: { team: "a" } },
    spec: { region: "us-pdx-1", status: "verified", txtRecords: { x: "y" }, cnameRecords: "evil.example" },
  });
  expect(made).toMatchObject({
    status: 200,
    body: {
      metadata: { name: "shop.example.com", displayName: "Shop", labels: { team: "a" }, workspace: "default" },
      spec: {
        domainType: "previews",
        status: "pending",
        region: "us-pdx-1",
        txtRecords: { [TXT]: expect.stringMatching(/^dormouse-verification=[\w-]{43}$/) },
        cnameRecords: "box.dormouse.example",
      },
    },
  });
  expect((await server.call("GET", "/customdomains/shop.example.com")).body).toEqual(made.body);
  expect((await server.call("GET", "/customdomains/SHOP.example.com")).body).toEqual(made.body);
  expect((await server.call("GET", "/customdomains")).body).toEqual([made.body]);
  expect(await addDomain(server, "shop.example.com")).toMatchObject({
    status: 409,
    body: { code: 409, error: "DOMAIN_ALREADY_EXISTS" },
  });
});

test("F171 where the server has no name in DNS, only the TXT record is asked for", async () => {
  for (const publicUrl of ["http://192.0.2.7:4000", "http://[::1]:4000", "http://localhost:4000"]) {
    await using server = await startServer({ settings: { publicUrl } });
    const { body } = await addVerified(server, "shop.example.com");
    expect(body).toMatchObject({ spec: { status: "verified" } });
    expect((body as CustomDomainAnswer).spec).not.toHaveProperty("cnameRecords");
  }
});

test("F171 verification says what is missing in DNS, until everything is right", async () => {
  const nowMs = Date.parse("2030-01-01T00:00:00Z");
  await using server = await startServer({ ...PUBLIC, clock: () => nowMs });
  const made = await addDomain(server, "shop.example.com");
  const failure = async (): Promise<string | undefined> => {
    const { status, body } = await verify(server, "shop.example.com");
    expect(status).toBe(200);
    const { spec } = body as CustomDomainAnswer;
    expect(spec).toMatchObject({ lastVerifiedAt: "2030-01-01T00:00:00.000Z" });
    expect(spec.status).toBe(spec.verificationError === undefined ? "verified" : "failed");
    return spec.verificationError;
  };
  expect(await failure()).toBe(`DNS has no TXT record "${TXT}"`);
  server.dns.txt.set(TXT, ["v=spf1 -all", "dormouse-verification="]);
  expect(await failure()).toContain(`The TXT record "${TXT}" has not the value "dormouse-verification=`);
  publish(server, made);
  server.dns.cname.set("*.shop.example.com", "elsewhere.example");
  expect(await failure()).toBe(
    'The CNAME record "*.shop.example.com" points to "elsewhere.example", not to "box.dormouse.example"',
  );
  server.dns.cname.set("*.shop.example.com", "Box.Dormouse.Example.");
  expect(await failure()).toBeUndefined();
  server.dns.cname.delete("*.shop.example.com");
  expect(await failure()).toBeUndefined();
});

test("F171 a DNS that does not answer changes nothing, neither for a new domain nor for a verified one", async () => {
  await using server = await startServer(PUBLIC);
  await addVerified(server, "kept.example.com");
  await addDomain(server, "new.example.com");
  server.dns.isReachable = false;
  for (const [name, status] of [
    ["kept.example.com", "verified"],
    ["new.example.com", "pending"],
  ] as const) {
    expect(await verify(server, name)).toMatchObject({ status: 502, body: { error: "UPSTREAM_UNREACHABLE" } });
    expect(await server.call("GET", `/customdomains/${name}`)).toMatchObject({ body: { spec: { status } } });
  }
});

test("F171 a change keeps what it leaves out and clears what is null", async () => {
  await using server = await startServer(PUBLIC);
  await server.call("POST", "/customdomains", {
    metadata: { name: "a.example", displayName: "A", labels: { a: "b" } },
  });
  const put = (body: unknown) => server.call("PUT", "/customdomains/a.example", body);
  expect(await put({})).toMatchObject({ body: { metadata: { displayName: "A", labels: { a: "b" } } } });
  const { body } = await put({ metadata: { displayName: null, labels: { c: "d" }, name: "b.example" } });
  expect(body).toMatchObject({ metadata: { name: "a.example", labels: { c: "d" } } });
  expect((body as CustomDomainAnswer).metadata).not.toHaveProperty("displayName");
  expect(await put({ spec: { status: "verified" } })).toMatchObject({ body: { spec: { status: "pending" } } });
});

test("F171 a deleted domain is gone; what is not there is 404", async () => {
  await using server = await startServer(PUBLIC);
  await addVerified(server, "a.example");
  expect(await server.call("DELETE", "/customdomains/a.example")).toMatchObject({ status: 200 });
  expect((await server.call("GET", "/customdomains")).body).toEqual([]);
  for (const [method, path] of [
    ["GET", ""],
    ["PUT", ""],
    ["DELETE", ""],
    ["POST", "/verify"],
  ] as const) {
    const answer = await server.call(method, `/customdomains/a.example${path}`, method === "GET" ? undefined : {});
    expect(answer).toMatchObject({ status: 404, body: { code: 404, error: "DOMAIN_NOT_FOUND" } });
  }
});

test("F171 a domain that is deleted while DNS is asked stays deleted", async () => {
  await using server = await startServer(PUBLIC);
  publish(server, await addDomain(server, "a.example"));
  server.dns.beforeAnswer = async () => {
    server.dns.beforeAnswer = () => Promise.resolve();
    await server.call("DELETE", "/customdomains/a.example");
  };
  expect(await verify(server, "a.example")).toMatchObject({ status: 404 });
  expect((await server.call("GET", "/customdomains")).body).toEqual([]);
});

test.each([
  ["localhost", "every machine's own name"],
  ["app.localhost", "every machine's own name"],
  ["example", "expected a domain such as"],
  ["192.0.2.1", "not an address"],
  ["0x7f.1", "not an address"],
  ["a.0x7f", "not an address"],
  ["[2001:db8::1]", "expected a domain such as"],
  ["example.com.", "expected a domain such as"],
  ["example.com:8080", "expected a domain such as"],
  ["exa_mple.com", "expected a domain such as"],
  ["-a.example.com", "expected a domain such as"],
  ["a..example.com", "expected a domain such as"],
  ["a b.example.com", "expected a domain such as"],
  ["example.com/path", "expected a domain such as"],
  ["example.com\n", "expected a domain such as"],
  ["*.example.com", 'leave out "*."'],
  ["bücher.example", 'starts with "xn--"'],
  [`${"a".repeat(64)}.example.com`, "expected a domain such as"],
  [`${"a.".repeat(126)}com`, "at most 253 characters"],
  ["box.dormouse.example", "overlaps this server's own"],
  ["preview.box.dormouse.example", "overlaps this server's own"],
  ["dormouse.example", "overlaps this server's own"],
])("F171 %j is no domain of a user's own", async (name, sentence) => {
  await using server = await startServer(PUBLIC);
  const answer = await addDomain(server, name);
  expect(answer).toMatchObject({ status: 400, body: { code: 400, error: "INVALID_ARGUMENT" } });
  expect(answer.body).toHaveProperty("message", expect.stringContaining(sentence));
});

test.each(["xn--bcher-kva.example", "a-b.co.uk", "mouse.example", "127.0.0.1.example.com"])(
  "F171 %j is one",
  async (name) => {
    await using server = await startServer(PUBLIC);
    expect(await addDomain(server, name)).toMatchObject({ status: 200, body: { metadata: { name } } });
  },
);

test("F171 a domain for applications is refused", async () => {
  await using server = await startServer(PUBLIC);
  const body = { metadata: { name: "a.example" }, spec: { domainType: "applications" } };
  expect(await server.call("POST", "/customdomains", body)).toMatchObject({ status: 400 });
});

test("F171 members read domains, administrators change them, and both leave their trace", async () => {
  await using server = await startServer(PUBLIC);
  const member = as(await makeKey(server, "member"), "default");
  await addVerified(server, "a.example");
  for (const path of ["", "/a.example"]) {
    expect(await server.call("GET", `/customdomains${path}`, undefined, member)).toMatchObject({ status: 200 });
  }
  for (const [method, path] of [
    ["POST", ""],
    ["PUT", "/a.example"],
    ["DELETE", "/a.example"],
    ["POST", "/a.example/verify"],
  ] as const) {
    const answer = await server.call(method, `/customdomains${path}`, { metadata: { name: "b.example" } }, member);
    expect(answer).toMatchObject({ status: 403, body: { error: "FORBIDDEN" } });
  }
  await server.deps.audit.flush();
  const { body } = await server.call("GET", "/audit?limit=200");
  const trace = (body as { data: { action: string; resource: string; status: number }[] }).data
    .filter(({ action }) => action.startsWith("customdomains"))
    .map(({ action, resource, status }) => `${action} ${resource} ${status}`);
  expect(trace.toReversed()).toEqual([
    "customdomains.create customdomains/a.example 200",
    "customdomains.verify.create customdomains/a.example/verify 200",
    "customdomains.create customdomains 403",
    "customdomains.update customdomains/a.example 403",
    "customdomains.delete customdomains/a.example 403",
    "customdomains.verify.create customdomains/a.example/verify 403",
  ]);
  const events = server.logged.map(({ event, domain, outcome }) => [event, domain, outcome].join(" "));
  expect(events.filter((line) => line.includes("domain"))).toEqual([
    "domain.create a.example success",
    "domain.verify a.example success",
    "customdomains.create  failure",
    "customdomains.update  failure",
    "customdomains.delete  failure",
    "customdomains.verify.create  failure",
  ]);
});
