import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { WebSocket } from "ws";
import type { AuditPage, PreviewAnswer } from "@dormouse/schema";
import { appServer } from "../support/app-server.ts";
import { type Caddy, documentedCaddyfile, freePort, startCaddy } from "../support/caddy.ts";
import { CertificateAuthority } from "@dormouse/engine/testkit";
import { curl, curlUntil } from "../support/curl.ts";
import { useDormouse } from "../support/suite.ts";

const NAME = "fronted";
const PORT = 3000;
const SPOOFED = [
  "X-Forwarded-For: 198.51.100.7",
  "X-Forwarded-Proto: http",
  "X-Forwarded-Host: bank.example",
  "X-Real-IP: 198.51.100.7",
  "Forwarded: for=198.51.100.7;proto=http;host=bank.example",
].flatMap((header) => ["--header", header]);

const authority = new CertificateAuthority();
const ca = authority.pem;
const { certFile, keyFile } = authority.issue("front", ["localhost", "*.preview.localhost"]);
const pagesDir = join(authority.dir, "pages");
mkdirSync(pagesDir);
writeFileSync(join(pagesDir, "404.html"), "<h1>{{status}} at Example</h1><p>{{message}}</p>");
writeFileSync(join(pagesDir, "UPSTREAM_UNREACHABLE.html"), "<h1>Start your app</h1><p>{{requestPath}} {{code}}</p>");
const httpsPort = await freePort();
const publicUrl = `https://localhost:${httpsPort}`;

// A loopback address of its own for the client, so that it is not taken for the proxy.
const CLIENT = "127.0.0.77";
const suite = useDormouse(
  {
    DORMOUSE_PUBLIC_URL: publicUrl,
    DORMOUSE_TRUSTED_PROXIES: "127.0.0.1,::1",
    DORMOUSE_ERROR_PAGES: pagesDir,
  },
  ca,
);

let caddy: Caddy | undefined;
let open: PreviewAnswer;
let closed: PreviewAnswer;

beforeAll(async () => {
  caddy = await startCaddy(
    documentedCaddyfile({ httpsPort, upstream: new URL(suite.dormouse.url).host, certFile, keyFile }),
    publicUrl,
    ca,
  );
  await suite.api.create(NAME);
  await appServer(suite.api, NAME, PORT);
  open = await suite.api.createPreview(NAME, { port: PORT, public: true }, "open");
  closed = await suite.api.createPreview(NAME, { port: PORT, public: false }, "closed");
});

afterAll(async () => {
  await caddy?.[Symbol.asyncDispose]();
  authority[Symbol.dispose]();
});

const viaCaddy = (parameters: readonly string[]): Promise<string> =>
  curl(["--cacert", authority.file, "--interface", CLIENT, ...parameters]);

test("F160 F169 a preview is public at its https address, over HTTP/2", async () => {
  expect(open.spec.url).toMatch(new RegExp(`^https://[a-z0-9]+\\.preview\\.localhost:${httpsPort}$`));
  expect(await viaCaddy(["--http2", "--write-out", " %{http_version}", `${open.spec.url}/hello`])).toBe(
    `hello from ${new URL(open.spec.url).host} 2`,
  );
});

test("F165 a WebSocket passes", async () => {
  const socket = new WebSocket(`${open.spec.url.replace("https", "wss")}/echo`, { ca });
  const echoed = await new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.once("open", () => socket.send("ping"));
    socket.once("message", (data) => resolve((data as Buffer).toString()));
  });
  socket.close();
  expect(echoed).toBe("ping");
});

test("a stream comes as the app writes it, and the app learns that the client left", async () => {
  const parameters = ["--cacert", authority.file, `${open.spec.url}/ticks`];
  for (const version of ["--http2", "--http1.1"])
    expect(await curlUntil([version, ...parameters], "data: 2\n\n")).toBe("data: 0\n\ndata: 1\n\ndata: 2\n\n");
  while ((await viaCaddy([`${open.spec.url}/open-streams`])) !== "0") await Bun.sleep(20);
});

test("NDJSON of a running command comes line by line", async () => {
  const body = JSON.stringify({
    name: "talker",
    command: "while echo line; do sleep 0.1; done",
    waitForCompletion: true,
  });
  const headers = [`Authorization: Bearer ${suite.api.key}`, "Accept: text/event-stream"].flatMap((line) => [
    "--header",
    line,
  ]);
  const url = `${publicUrl}/run/default/sandboxes/${NAME}/process`;
  const parameters = ["--http2", "--cacert", authority.file, ...headers, "--data", body, url];
  expect(await curlUntil(parameters, "line\\n")).toContain("line\\n");
  await suite.api.text(NAME, "/process/talker/kill", { method: "DELETE" });
});

test("the cookie of a private preview is for https only", async () => {
  const token = await suite.api.createToken(NAME, "closed");
  const visit = await fetch(`${closed.spec.url}/hello?bl_preview_token=${token}`, { tls: { ca }, redirect: "manual" });
  expect(visit.headers.get("set-cookie")).toMatch(
    /^__Host-\S+; Path=\/; HttpOnly; Secure; SameSite=None; Partitioned; Max-Age=\d+$/,
  );
});

describe("whom a request comes from", () => {
  const forwarded = async (parameters: readonly string[]): Promise<Record<string, string>> => {
    const { headers } = JSON.parse(await viaCaddy(parameters)) as { headers: Record<string, string> };
    return Object.fromEntries(Object.entries(headers).filter(([name]) => /forwarded|real-ip/.test(name)));
  };

  test("reaches the app through Caddy, whatever the client claims", async () => {
    const seen = {
      "x-forwarded-for": CLIENT,
      "x-forwarded-proto": "https",
      "x-forwarded-host": new URL(open.spec.url).host,
    };
    expect(await forwarded([`${open.spec.url}/headers`])).toEqual(seen);
    expect(await forwarded([...SPOOFED, `${open.spec.url}/headers`])).toEqual(seen);
  });

  test("is not believed from one who is no proxy", async () => {
    const url = new URL(`${open.spec.url}/headers`);
    url.protocol = "http:";
    url.port = new URL(suite.dormouse.url).port;
    expect(await forwarded([...SPOOFED, url.href])).toEqual({
      "x-forwarded-for": CLIENT,
      "x-forwarded-proto": "http",
      "x-forwarded-host": url.host,
    });
  });

  test("is what the audit log notes", async () => {
    const refused = ["--header", "Authorization: Bearer dm_wrong", `${publicUrl}/v0/sandboxes`];
    expect(await viaCaddy([...SPOOFED, ...refused])).toContain("UNAUTHENTICATED");
    const addresses = async (): Promise<(string | undefined)[]> => {
      const { body } = await suite.api.call<AuditPage>("GET", "/audit");
      return body.data.map(({ clientAddress }) => clientAddress);
    };
    while (!(await addresses()).includes(CLIENT)) await Bun.sleep(50);
    expect(await addresses()).not.toContain("198.51.100.7");
  });
});

test("the operator's pages are shown to browsers, by code and by status; programs get JSON", async () => {
  const dead = await suite.api.createPreview(NAME, { port: 4000, public: true }, "dead");
  const asBrowser = ["--header", "Accept: text/html"];
  expect(await viaCaddy([...asBrowser, `${dead.spec.url}/a%20b?x=1`])).toBe(
    "<h1>Start your app</h1><p>/a%20b UPSTREAM_UNREACHABLE</p>",
  );
  const unknown = `https://none.preview.localhost:${httpsPort}/`;
  expect(await viaCaddy([...asBrowser, unknown])).toStartWith("<h1>404 at Example</h1><p>Cannot ");
  expect(JSON.parse(await viaCaddy([unknown]))).toMatchObject({ error: { status: 404 } });
  const ours = await viaCaddy([...asBrowser, `${closed.spec.url}/hello`]);
  expect(ours).toContain("Error 401");
  expect(ours).toContain("UNAUTHENTICATED");
});

test("a request that meets a server which has just died waits for the next one", async () => {
  process.kill(suite.dormouse.pids.server(), "SIGKILL");
  expect(await viaCaddy([`${open.spec.url}/hello`])).toStartWith("hello from ");
});
