import { expect, test } from "bun:test";
import { DnsServer } from "@dormouse/engine/testkit";
import type { AppError } from "@dormouse/kernel";
import { dnsResolver } from "./dns-resolver.ts";

test("F171 TXT and CNAME records are read, also of a wildcard", async () => {
  await using server = await DnsServer.start((name) => {
    if (name === "*.a.example") return { rcode: 0, records: [{ type: "CNAME", value: "box.example.org" }] };
    return { rcode: 0, records: ["one text", "two"].map((value) => ({ type: "TXT", value })) };
  });
  const resolver = dnsResolver({ servers: [server.address] });
  expect(await resolver.resolveTxt("_x.a.example")).toEqual(["one text", "two"]);
  expect(await resolver.resolveCname("*.a.example")).toEqual(["box.example.org"]);
});

test("F171 a name that is not there, or has no such record, has none", async () => {
  await using server = await DnsServer.start((name) => ({ rcode: name.startsWith("none") ? 3 : 0 }));
  const resolver = dnsResolver({ servers: [server.address] });
  for (const name of ["none.example", "empty.example", `${"a".repeat(64)}.example`]) {
    expect(await resolver.resolveTxt(name)).toEqual([]);
    expect(await resolver.resolveCname(name)).toEqual([]);
  }
});

test("F171 a DNS that fails or is silent is told apart from one that has nothing", async () => {
  await using server = await DnsServer.start((name) => (name.startsWith("fail") ? { rcode: 2 } : undefined));
  const resolver = dnsResolver({ servers: [server.address], timeoutMs: 200 });
  for (const name of ["fail.example", "silent.example"]) {
    const failure = await resolver.resolveTxt(name).catch((error: unknown) => error as AppError);
    expect(failure).toMatchObject({ code: "UPSTREAM_UNREACHABLE", isRetryable: true });
  }
});
