import { afterEach, beforeEach, expect, test } from "bun:test";
import { WebSocket } from "ws";
import { appServer } from "../support/app-server.ts";
import { useDormouse } from "../support/suite.ts";

const PORT = 3000;
const NAME = "local";
const IDLE_MS = 500;
const UPLOAD_BYTES = 64 * 1024 * 1024;
const suite = useDormouse({ DORMOUSE_IDLE_MS: String(IDLE_MS) });

let previewUrl: string;

beforeEach(async () => {
  await suite.api.create(NAME);
  previewUrl = (await suite.api.createPreview(NAME, { port: PORT, public: true }, "web")).spec.url;
});

afterEach(() => suite.api.remove(NAME));

const viaPort = (path: string): Promise<string> => suite.api.text(NAME, `/port/${PORT}${path}`);
const viaPreview = async (path: string): Promise<string> => (await fetch(`${previewUrl}${path}`)).text();
const stopApp = (): Promise<string> => suite.api.text(NAME, `/process/app-${PORT}/kill`, { method: "DELETE" });

async function echoOf(message: string): Promise<string> {
  const socket = new WebSocket(`${previewUrl.replace("http", "ws")}/echo`);
  try {
    return await new Promise<string>((resolve, reject) => {
      socket.once("error", reject);
      socket.once("open", () => socket.send(message));
      socket.once("message", (data) => resolve((data as Buffer).toString()));
    });
  } finally {
    socket.close();
  }
}

test.each(["127.0.0.1", "::1"])(
  "R-39: a server that listens on %s only shows in previews and at /port/N, by HTTP and WebSocket, also after a sleep",
  async (host) => {
    await appServer(suite.api, NAME, PORT, host);
    expect(await viaPreview("/hello")).toStartWith("hello from ");
    expect(await viaPort("/count")).toBe("1");
    expect(await echoOf("ping")).toBe("ping");
    await suite.api.untilState(NAME, "STANDBY");
    expect(await viaPort("/count")).toBe("2");
    expect(await echoOf("after a sleep")).toBe("after a sleep");
    await suite.api.untilState(NAME, "STANDBY");
    expect(await echoOf("woken by a socket")).toBe("woken by a socket");
  },
);

test("R-39: a WebSocket may be the first that reaches it, and streams come as they are sent", async () => {
  await appServer(suite.api, NAME, PORT, "127.0.0.1");
  expect(await echoOf("first")).toBe("first");
  const closing = new AbortController();
  const events = await fetch(`${previewUrl}/ticks`, { signal: closing.signal });
  const reader = events.body?.getReader();
  let text = "";
  while (!text.includes("data: 2")) text += new TextDecoder().decode((await reader?.read())?.value);
  expect(await viaPort("/open-streams")).toBe("1");
  closing.abort();
  while ((await viaPort("/open-streams")) !== "0");
});

test("R-39: a large streamed upload may be the first request: it comes back whole", async () => {
  await appServer(suite.api, NAME, PORT, "127.0.0.1");
  const chunk = Buffer.from(Array.from({ length: 65_536 }, (_, index) => index % 251));
  const sent = new Bun.CryptoHasher("sha256");
  let sentBytes = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      sent.update(chunk);
      sentBytes += chunk.length;
      controller.enqueue(chunk.slice());
      if (sentBytes === UPLOAD_BYTES) controller.close();
    },
  });
  const answer = await fetch(`${previewUrl}/upload`, { method: "POST", body });
  const received = new Bun.CryptoHasher("sha256");
  let receivedBytes = 0;
  for await (const part of answer.body ?? []) {
    received.update(part);
    receivedBytes += part.length;
  }
  expect(receivedBytes).toBe(UPLOAD_BYTES);
  expect(received.digest("hex")).toBe(sent.digest("hex"));
});

test("R-39: it is reached by the first request of any kind after the API inside was upgraded", async () => {
  const { api } = suite;
  await appServer(api, NAME, PORT, "127.0.0.1");
  const post = async (): Promise<string> => api.text(NAME, `/port/${PORT}/upload`, { method: "POST", body: "as sent" });
  const upgrades = async (): Promise<number> =>
    (JSON.parse(await api.text(NAME, "/health").catch(() => "{}")) as { upgradeCount?: number }).upgradeCount ?? 0;
  expect(await post()).toBe("as sent");
  for (const [index, visit] of [post, () => viaPort("/count"), () => echoOf("1")].entries()) {
    await api.text(NAME, "/upgrade", { method: "POST", body: "{}" });
    while ((await upgrades()) <= index) await Bun.sleep(5);
    expect(await visit()).toBe(index === 0 ? "as sent" : "1");
  }
});

test("R-39: it is reached wherever it listens after a restart, by the first request of any kind", async () => {
  const post = async (): Promise<string> =>
    (await fetch(`${previewUrl}/upload`, { method: "POST", body: "as sent" })).text();
  for (const visit of [() => viaPreview("/hello"), () => echoOf("hello"), async () => `hello, ${await post()}`]) {
    for (const host of ["127.0.0.1", "0.0.0.0", "::1", "127.0.0.1", "::"]) {
      await appServer(suite.api, NAME, PORT, host);
      expect(await visit()).toStartWith("hello");
      await stopApp();
    }
  }
  const answer = await fetch(previewUrl);
  expect(answer.status).toBe(502);
  expect(await answer.json()).toMatchObject({
    error: { message: expect.stringContaining("nothing listens"), hint: expect.stringContaining("on any address") },
  });
});
