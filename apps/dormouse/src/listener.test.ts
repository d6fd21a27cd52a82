import { afterAll, expect, test } from "bun:test";
import { CertificateAuthority } from "@dormouse/engine/testkit";
import { readCertificates } from "./certificates.ts";
import { Listener } from "./listener.ts";

const authority = new CertificateAuthority();
afterAll(() => authority[Symbol.dispose]());
const certificates = readCertificates([authority.issue("one", ["localhost"])]);

function listenOn(port: number): Listener {
  return new Listener({
    host: "127.0.0.1",
    port,
    certificates,
    clientTimeoutMs: 60_000,
    websocket: { message: () => undefined } as never,
    fetch: () => new Response("served"),
  });
}

test("a port is never shared with another server, also not by one whose certificates have been replaced", async () => {
  await using first = listenOn(0);
  expect(() => listenOn(first.port)).toThrow(
    `Cannot listen on port ${first.port} of 127.0.0.1: another program uses it`,
  );
  first.replaceCertificates(certificates);
  expect(() => listenOn(first.port)).toThrow("another program uses it");
});

test("certificates that cannot be used leave the old ones in place", async () => {
  await using listener = listenOn(0);
  expect(() => listener.replaceCertificates([{ cert: "none", key: "none" }])).toThrow();
  const answer = await fetch(`https://localhost:${listener.port}`, { tls: { ca: authority.pem } });
  expect(await answer.text()).toBe("served");
});

test("a port is free again when the listener is disposed", async () => {
  const listener = listenOn(0);
  const { port } = listener;
  listener.replaceCertificates(certificates);
  await listener[Symbol.asyncDispose]();
  await using next = listenOn(port);
  expect(next.port).toBe(port);
});
