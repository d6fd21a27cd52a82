import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, renameSync, writeFileSync } from "node:fs";
import { connect as connectTcp } from "node:net";
import { connect } from "node:tls";
import { WebSocket } from "ws";
import type { PreviewAnswer } from "@dormouse/schema";
import { appServer } from "../support/app-server.ts";
import { goTo, openBrowser } from "../support/browser.ts";
import { CertificateAuthority } from "@dormouse/engine/testkit";
import { BlUser } from "../support/bl.ts";
import { curl, curlUntil } from "../support/curl.ts";
import { INSTALL_DIR } from "../support/dormouse.ts";
import { useDormouse } from "../support/suite.ts";

const NAME = "secure";
const PORT = 3000;
const LOCAL_NAMES = ["localhost", "*.preview.localhost"];

/** Which protocol the page came over, and what a WebSocket of its own is answered. */
const IN_THE_PAGE = `new Promise((resolve, reject) => {
  const socket = new WebSocket("wss://" + location.host + "/echo");
  const protocol = performance.getEntriesByType("navigation")[0].nextHopProtocol;
  socket.onopen = () => socket.send("ping");
  socket.onmessage = ({ data }) => resolve({ protocol, echoed: data });
  socket.onerror = reject;
})`;

const authority = new CertificateAuthority();
const ca = authority.pem;
const first = authority.issue("first", LOCAL_NAMES);
const other = authority.issue("other", ["boxes.example", "*.preview.boxes.example"]);

const suite = useDormouse(
  {
    DORMOUSE_TLS_CERT: `${first.certFile},${other.certFile}`,
    DORMOUSE_TLS_KEY: `${first.keyFile},${other.keyFile}`,
  },
  ca,
);
afterAll(() => authority[Symbol.dispose]());

let open: PreviewAnswer;

beforeAll(async () => {
  await suite.api.create(NAME);
  await appServer(suite.api, NAME, PORT);
  open = await suite.api.createPreview(NAME, { port: PORT, public: true }, "open");
});

const tlsPort = (): number => Number(new URL(suite.dormouse.url).port);

/** Common name of the certificate a new connection is given for a host name. */
function certificateFor(servername: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: "127.0.0.1",
      port: tlsPort(),
      servername,
      ca,
      checkServerIdentity: () => undefined,
    });
    socket.once("error", reject);
    socket.once("secureConnect", () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
  });
}

/** A handshake that is under way at the moment of the change may be cut off. */
async function untilCertificate(servername: string, commonName: string): Promise<void> {
  while ((await certificateFor(servername).catch(() => undefined)) !== commonName) await Bun.sleep(20);
}

describe("F160 F169 with a certificate", () => {
  test("every address is https: of the sandbox, of its previews, and in `dormouse env`", async () => {
    expect(suite.dormouse.url).toStartWith("https://localhost:");
    expect(suite.dormouse.env["BL_API_URL"]).toBe(`${suite.dormouse.url}/v0`);
    const { metadata } = await suite.api.get(NAME);
    expect(metadata.url).toBe(`${suite.dormouse.url}/run/default/sandboxes/${NAME}`);
    expect(open.spec.url).toMatch(/^https:\/\/[a-z0-9]+\.preview\.localhost:\d+$/);
    const shown = await fetch(`${open.spec.url}/headers`, { tls: { ca } });
    expect(await shown.json()).toMatchObject({ headers: { "x-forwarded-proto": "https" } });
  });

  test("plain HTTP gets no answer", async () => {
    const { hostname, port } = new URL(open.spec.url);
    const socket = connectTcp(Number(port), "127.0.0.1");
    socket.write(`GET /hello HTTP/1.1\r\nHost: ${hostname}:${port}\r\n\r\n`);
    let received = "";
    for await (const chunk of socket) received += String(chunk);
    expect(received).not.toContain("HTTP/1.1");
  });

  test("the cookie of a private preview is for https only and works inside other sites", async () => {
    const preview = await suite.api.createPreview(NAME, { port: PORT, public: false }, "closed");
    const token = await suite.api.createToken(NAME, "closed");
    const visit = await fetch(`${preview.spec.url}/hello?bl_preview_token=${token}`, {
      tls: { ca },
      redirect: "manual",
    });
    expect(visit.headers.get("set-cookie")).toMatch(
      /^__Host-\S+; Path=\/; HttpOnly; Secure; SameSite=None; Partitioned; Max-Age=\d+$/,
    );
  });
});

describe("HTTP/2", () => {
  test.each(["2", "1.1"])("HTTP/%s carries requests, bodies both ways and streams", async (version) => {
    const run = (parameters: readonly string[]) =>
      curl([`--http${version}`, "--cacert", authority.file, ...parameters]);
    expect(await run(["--write-out", " %{http_version}", `${open.spec.url}/hello`])).toBe(
      `hello from ${new URL(open.spec.url).host} ${version}`,
    );
    const bodyText = "0123456789".repeat(200_000);
    expect(await run(["--data-binary", bodyText.slice(0, 100_000), `${open.spec.url}/upload`])).toHaveLength(100_000);
    const large = `${authority.dir}/large`;
    writeFileSync(large, bodyText);
    expect(await run(["--data-binary", `@${large}`, `${open.spec.url}/upload`])).toBe(bodyText);
    const stream = ["--cacert", authority.file, `${open.spec.url}/ticks`];
    expect(await curlUntil([`--http${version}`, ...stream], "data: 2\n\n")).toBe("data: 0\n\ndata: 1\n\ndata: 2\n\n");
  });

  test("F165 a browser loads a preview over HTTP/2 and opens a WebSocket beside it", async () => {
    await using browser = await openBrowser();
    const page = await browser.newPage({ ignoreHTTPSErrors: true });
    await goTo(page, `${open.spec.url}/hello`);
    const seen = await page.evaluate(IN_THE_PAGE);
    expect(seen).toEqual({ protocol: "h2", echoed: "ping" });
  });
});

test("a host name gets the certificate that names it, wildcards included, and any other name the first", async () => {
  for (const name of ["boxes.example", "x1.preview.boxes.example", "X1.PREVIEW.boxes.example"])
    expect(await certificateFor(name)).toBe("other");
  for (const name of ["localhost", "x1.preview.localhost", "unknown.example", "a.b.preview.boxes.example"])
    expect(await certificateFor(name)).toBe("first");
});

test("the command line trusts an authority of one's own when told so, and says how when it is not", async () => {
  using user = new BlUser(suite.dormouse.env);
  const args = ["exec", NAME, "--", "echo", "over https"];
  const { exitCode, stderr } = await user.run(args);
  expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: expect.stringContaining("NODE_EXTRA_CA_CERTS") });
  expect(await user.stdout(args, { env: { NODE_EXTRA_CA_CERTS: authority.file } })).toBe("over https\n");
});

describe("a renewed certificate", () => {
  test("F165 is used by new connections, while a WebSocket, a stream and a request that are open go on", async () => {
    const socket = new WebSocket(`${open.spec.url.replace("https", "wss")}/echo`, { ca });
    await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
    const stream = await fetch(`${open.spec.url}/ticks`, { tls: { ca } });
    const reader = stream.body?.getReader();
    await reader?.read();
    await suite.api.run(NAME, "mkfifo /tmp/gate");
    const held = suite.api.run(NAME, "read line < /tmp/gate; echo $line");

    const renewed = authority.issue("renewed", LOCAL_NAMES);
    renameSync(renewed.keyFile, first.keyFile);
    renameSync(renewed.certFile, first.certFile);
    await untilCertificate("localhost", "renewed");

    const echoed = new Promise((resolve) => socket.once("message", (data) => resolve((data as Buffer).toString())));
    socket.send("still here");
    expect(await echoed).toBe("still here");
    expect(new TextDecoder().decode((await reader?.read())?.value)).toContain("data: ");
    await suite.api.run(NAME, "echo through > /tmp/gate");
    expect(await held).toBe("through\n");
    expect(await certificateFor("boxes.example")).toBe("other");
    socket.close();
    await reader?.cancel();
  });

  test("that is broken changes nothing and is reported, and one that is whole again is taken", async () => {
    writeFileSync(other.certFile, "not a certificate");
    const complaint = `Cannot use TLS certificate "${other.certFile}": it is not a PEM file of that kind; the server keeps`;
    while (!suite.dormouse.output().includes(complaint)) await Bun.sleep(20);
    expect(await certificateFor("boxes.example")).toBe("other");
    authority.issue("mended", ["boxes.example"]);
    renameSync(`${authority.dir}/mended.key`, other.keyFile);
    renameSync(`${authority.dir}/mended.crt`, other.certFile);
    await untilCertificate("boxes.example", "mended");
  });

  test("is still there when the server has died and come back", async () => {
    const pid = suite.dormouse.pids.server();
    process.kill(pid, "SIGKILL");
    await untilCertificate("boxes.example", "mended");
    expect(suite.dormouse.pids.server()).not.toBe(pid);
    const answer = await fetch(`${open.spec.url}/hello`, { tls: { ca } });
    expect(answer.status).toBe(200);
  });

  test("its key is in no argument, in no environment and in no output", async () => {
    const secret = (await Bun.file(first.keyFile).text()).split("\n")[1] ?? "";
    const { pids } = suite.dormouse;
    for (const pid of [pids.up, pids.server()]) {
      for (const file of ["cmdline", "environ"])
        expect(await Bun.file(`/proc/${pid}/${file}`).text()).not.toContain(secret);
    }
    expect(suite.dormouse.output()).not.toContain(secret);
  });
});

test.each([
  [
    { DORMOUSE_TLS_CERT: "/none.crt", DORMOUSE_TLS_KEY: "/none.key" },
    'Cannot use TLS certificate "/none.crt": there is no such',
  ],
  [{ DORMOUSE_TLS_CERT: first.certFile }, "Give each certificate its key"],
  [{ DORMOUSE_TRUSTED_PROXIES: "proxy" }, "not an IP address or CIDR range"],
  [{ DORMOUSE_ERROR_PAGES: "/none" }, 'Cannot read the error pages: "/none" is no folder'],
])("a setting that is wrong is said before anything starts: %p", async (env, complaint) => {
  const dataDir = `${authority.dir}/never`;
  const up = Bun.spawn([`${INSTALL_DIR}/dormouse`, "up", "--data", dataDir], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  expect(await up.stderr.text()).toContain(complaint);
  expect(await up.exited).toBe(1);
  expect(existsSync(dataDir)).toBe(false);
});
