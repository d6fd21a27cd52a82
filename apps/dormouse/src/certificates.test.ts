import { afterAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { CertificateAuthority } from "@dormouse/engine/testkit";
import { dateProblems, readCertificates, tlsOptions } from "./certificates.ts";
import { loadConfig } from "./config.ts";

const authority = new CertificateAuthority();
afterAll(() => authority[Symbol.dispose]());

const one = authority.issue("one", ["one.example", "*.one.example"]);
const two = authority.issue("two", ["two.example"]);
const junkFile = join(authority.dir, "junk.pem");
writeFileSync(junkFile, "-----BEGIN EC PRIVATE KEY-----\nsecret\n-----END EC PRIVATE KEY-----\n");

test("each host name of each certificate is served by it, and every other name by the first", () => {
  const options = tlsOptions(readCertificates([one, two]));
  expect(options.map(({ serverName }) => serverName)).toEqual(["one.example", "*.one.example", "two.example"]);
  expect(options[0]?.cert).toBe(options[1]?.cert);
  expect(options[2]?.cert).not.toBe(options[1]?.cert);
});

describe("a certificate that cannot be used is named", () => {
  test.each([
    [
      "the certificate is missing",
      { ...one, certFile: "/none.crt" },
      'TLS certificate "/none.crt": there is no such file',
    ],
    ["the key is missing", { ...one, keyFile: "/none.key" }, 'TLS key "/none.key": there is no such file'],
    ["a folder is no file", { ...one, keyFile: authority.dir }, `TLS key "${authority.dir}": EISDIR`],
    ["the key belongs to another", { ...one, keyFile: two.keyFile }, `it does not belong to "${one.certFile}"`],
    ["the key is broken", { ...one, keyFile: junkFile }, `TLS key "${junkFile}": it is not a PEM file of that kind`],
    ["the key stands for the certificate", { ...one, certFile: one.keyFile }, "it is not a PEM file of that kind"],
  ])("%s", (_case, files, message) => {
    expect(() => readCertificates([files])).toThrow(message);
  });

  test("and nothing of a key is in the message", () => {
    expect(() => readCertificates([{ ...one, keyFile: junkFile }])).not.toThrow("secret");
  });
});

test("one that is out of date is used and remarked on", () => {
  const certificates = readCertificates([two]);
  const [nowMs, weekMs] = [Date.now(), 7 * 86_400_000];
  expect(dateProblems(certificates, nowMs)).toEqual([]);
  expect(dateProblems(certificates, nowMs + weekMs)).toEqual([
    expect.stringMatching(/^the certificate for DNS:two\.example expired \d{4}-\d\d-\d\d$/),
  ]);
  expect(dateProblems(certificates, nowMs - weekMs)).toEqual([expect.stringContaining("is not valid before")]);
});

describe("settings", () => {
  test("name certificates and keys in the same order", () => {
    const { tls } = loadConfig({ DORMOUSE_TLS_CERT: "/a.crt, /b.crt", DORMOUSE_TLS_KEY: "/a.key,/b.key" });
    expect(tls).toEqual([
      { certFile: "/a.crt", keyFile: "/a.key" },
      { certFile: "/b.crt", keyFile: "/b.key" },
    ]);
    expect(loadConfig({})).toMatchObject({ tls: [], trustedProxies: [] });
  });

  test("refuse a certificate without its key, and a proxy that is no address", () => {
    expect(() => loadConfig({ DORMOUSE_TLS_CERT: "/a.crt" })).toThrow("Give each certificate its key");
    expect(() => loadConfig({ DORMOUSE_TRUSTED_PROXIES: "127.0.0.1,proxy.local" })).toThrow(
      "not an IP address or CIDR range",
    );
    expect(loadConfig({ DORMOUSE_TRUSTED_PROXIES: "::1, 10.0.0.0/8" }).trustedProxies).toEqual(["::1", "10.0.0.0/8"]);
  });
});
