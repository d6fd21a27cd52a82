import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { PreviewAnswer } from "@dormouse/schema";
import type { Browser, Page } from "playwright-core";
import { appServer } from "../support/app-server.ts";
import { goTo, openBrowser } from "../support/browser.ts";
import { useDormouse } from "../support/suite.ts";

/** What functions that run in a page see; the rest of this file is not in one. */
declare const document: { cookie: string; readonly body: { readonly textContent: string | null } };

const PORT = 3000;
const suite = useDormouse();
let browser: Browser;

interface Shown {
  readonly preview: PreviewAnswer;
  readonly token: string;
  /** With the token, as a person gets it. */
  readonly link: string;
}

const shown: Record<string, Shown> = {};

beforeAll(async () => {
  browser = await openBrowser();
  for (const name of ["alpha", "beta"]) {
    await suite.api.create(name);
    await appServer(suite.api, name, PORT);
    const preview = await suite.api.createPreview(name, { port: PORT, public: false }, "web");
    const token = await suite.api.createToken(name, "web");
    shown[name] = { preview, token, link: `${preview.spec.url}/hello?bl_preview_token=${token}` };
  }
});

afterAll(() => browser.close());

/** A browser of its own, without any cookies. */
async function openPage(): Promise<Page> {
  const context = await browser.newContext();
  return context.newPage();
}

const shownAs = (name: string): Shown => shown[name] as Shown;

/** In a page: a WebSocket to `url` echoes a message. */
const echoIn = (page: Pick<Page, "evaluate">, url: string): Promise<string> =>
  page.evaluate(
    (address) =>
      new Promise<string>((resolve) => {
        const socket = new WebSocket(address);
        socket.addEventListener("open", () => socket.send("ping"));
        socket.addEventListener("message", ({ data }) => resolve(String(data)));
        socket.addEventListener("error", () => resolve("refused"));
      }),
    url.replace("http", "ws"),
  );

describe("F161 F174 a private preview in a real browser", () => {
  test("opens by its link, which is clean afterwards; pages, requests and WebSockets go on without the token", async () => {
    const { preview, token, link } = shownAs("alpha");
    const page = await openPage();
    const requested: string[] = [];
    page.on("request", (request) => requested.push(`${request.url()} ${request.headers()["referer"] ?? ""}`));
    await goTo(page, link);
    expect(page.url()).toBe(`${preview.spec.url}/hello`);
    expect(await page.textContent("body")).toStartWith("hello from");
    const count = await page.evaluate(async () => (await fetch("/count")).text());
    expect(Number(count)).toBeGreaterThan(0);
    expect(await echoIn(page, preview.spec.url)).toBe("ping");
    expect(requested.filter((line) => line.includes(token))).toEqual([`${link} `]);
    expect(await page.evaluate(() => document.cookie)).toBe("");
    await page.context().close();
  });

  test("F167 works in an iframe of another site, with its cookie partitioned to that site", async () => {
    const { preview, link } = shownAs("alpha");
    const html = `<iframe src="${link}" sandbox="allow-scripts allow-same-origin allow-forms allow-popups allow-modals"></iframe>`;
    await using host = Bun.serve({
      port: 0,
      fetch: () => new Response(html, { headers: { "content-type": "text/html" } }),
    });
    const page = await openPage();
    await goTo(page, `http://localhost:${host.port}/`);
    const frame = page.frame({ url: (url) => url.href.startsWith(preview.spec.url) });
    if (frame === null) throw new Error("The iframe has not loaded");
    await frame.waitForFunction(() => document.body.textContent?.startsWith("hello from"));
    expect(await frame.evaluate(async () => (await fetch("/headers")).ok)).toBe(true);
    expect(await echoIn(frame, preview.spec.url)).toBe("ping");
    await goTo(page, `${preview.spec.url}/hello`);
    expect(await page.textContent("body")).toContain("private");
    await page.context().close();
  });

  test("ends what is open at the moment its token is deleted", async () => {
    const { preview } = shownAs("alpha");
    const token = await suite.api.createToken("alpha", "web");
    const page = await openPage();
    await goTo(page, `${preview.spec.url}/hello?bl_preview_token=${token}`);
    const closed = page.waitForEvent("console", (message) => message.text() === "socket closed");
    await page.evaluate(
      (url) =>
        new Promise<void>((resolve) => {
          const socket = new WebSocket(url);
          socket.addEventListener("open", () => resolve());
          socket.addEventListener("close", () => console.log("socket closed"));
        }),
      preview.spec.url.replace("http", "ws"),
    );
    await suite.api.call("DELETE", `/sandboxes/alpha/previews/web/tokens/${token}`);
    await closed;
    expect(await page.evaluate(async () => (await fetch("/count")).status)).toBe(401);
    await page.context().close();
  });
});

describe("the page of a hostile sandbox, opened by someone who has another sandbox's preview open", () => {
  test("reads no cookie, reaches neither the other preview nor the API, and can shut nobody out", async () => {
    const [alpha, beta] = [shownAs("alpha"), shownAs("beta")];
    const page = await openPage();
    await goTo(page, beta.link);
    const before = Number(await page.evaluate(async () => (await fetch("/count")).text()));
    await goTo(page, alpha.link);
    const base = new URL(suite.dormouse.url);
    base.hostname = "localhost";
    const targets = [
      `${beta.preview.spec.url}/count`,
      `${base.origin}/preview/${new URL(beta.preview.spec.url).hostname.split(".")[0]}/count`,
      `${base.origin}/v0/sandboxes`,
      `${base.origin}/run/default/sandboxes/beta/port/${PORT}/count`,
    ];
    for (const url of targets) {
      for (const mode of ["cors", "no-cors"] as const) {
        for (const method of ["GET", "POST"]) {
          const answer = await page.evaluate(
            async (request) => {
              const { url: address, ...init } = request;
              const got = await fetch(address, { ...init, credentials: "include" }).catch(() => undefined);
              return got === undefined ? "" : got.text();
            },
            { url, mode, method },
          );
          expect(answer).not.toMatch(/^\d+$/);
        }
      }
    }
    expect(await echoIn(page, beta.preview.spec.url)).toBe("refused");
    await page.evaluate(() => {
      for (const name of ["dormouse_preview", "__Host-dormouse_preview"])
        document.cookie = `${name}=tossed; Domain=preview.localhost; Path=/`;
    });
    expect(await page.evaluate(() => document.cookie)).not.toContain(alpha.token);
    await goTo(page, `${beta.preview.spec.url}/hello`);
    expect(await page.textContent("body")).toStartWith("hello from");
    const after = Number(await page.evaluate(async () => (await fetch("/count")).text()));
    expect(after).toBe(before + 1);
    await page.context().close();
  });
});
