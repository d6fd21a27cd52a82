import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { SandboxInstance } from "@blaxel/core";
import type { PreviewAnswer } from "@dormouse/schema";
import type { Page } from "playwright-core";
import { openBrowser } from "../support/browser.ts";
import { INSTALL_DIR } from "../support/dormouse.ts";
import { useDormouse } from "../support/suite.ts";
import { buildHostApp, startHostApp } from "./host-app.ts";
import { nextHotReload, type PageWatch, watchPage } from "./page-watch.ts";

/*
 * A user's own Next.js app (`nextjs-app`: its route and its page are the documented example) in a real browser, and a Next.js app
 * in a sandbox. The tests use one page, one after the other.
 */

/** The route allows the origin `http://localhost:3000`. */
const PORT = 3000;
const NAME = "my-sandbox";
const FIRST_RUN_TIMEOUT_MS = 600_000;
const START_PAGE = "To get started";
const CHANGED = "Changed while you look";

type Session = Parameters<typeof SandboxInstance.fromSession>[0];

/** What `GET /api/sandbox` of the host app answers. */
interface Given {
  readonly session: Session;
  readonly preview_url: string;
}

const suite = useDormouse();
const running = new AsyncDisposableStack();
let hostAppDir: string;
let page: Page;
let watch: PageWatch;
let first: Given;
let firstHotReload: Promise<void>;

beforeAll(async () => {
  await buildNextjsImage();
  hostAppDir = await buildHostApp();
  const hostApp = running.use(await startHostApp(hostAppDir, { env: suite.dormouse.env, port: PORT }));
  const browser = running.use(await openBrowser());
  page = await browser.newPage({ viewport: { width: 1600, height: 900 } });
  watch = await watchPage(page);
  firstHotReload = nextHotReload(page);
  first = await givenAfter(() => page.goto(hostApp.url));
  await page.getByText("Sandbox Information").waitFor({ timeout: 60_000 });
}, FIRST_RUN_TIMEOUT_MS);

afterAll(() => running.disposeAsync());

test("F206 the page's first visit makes the sandbox, a session for a day, and a public preview", async () => {
  await page.getByText(first.session.name, { exact: true }).waitFor();
  expect(await previews()).toEqual(["preview 3000 public", `${first.session.name} 443 private`]);
  const hoursLeft = (new Date(first.session.expiresAt).getTime() - Date.now()) / 3_600_000;
  expect(hoursLeft).toBeGreaterThan(23);
  expect(hoursLeft).toBeLessThanOrEqual(24);
});

test("F201 F206 fromSession() in the browser starts npm-dev in the sandbox, waits for its port and lists it", async () => {
  const { pid } = await npmDev(first.session);
  const listed = page.locator(".bg-gray-100", { has: page.locator(".bg-green-500") });
  expect((await listed.allInnerTexts()).map(lines)).toEqual([
    ["npm-dev", "Stop", "Kill", "Command: npm run dev", `PID: ${pid}`],
  ]);
});

test("F201 F204 the browser asked by preflights whether its page may, and was let through", () => {
  expect(watch.preflights).toContain(`204 ${first.session.url}/process`);
  expect(watch.preflights.filter((answer) => !answer.startsWith("204 "))).toEqual([]);
  expect(ownComplaints()).toEqual([]);
});

test("F167 the preview shows in a sandboxed iframe", async () => {
  const iframe = page.locator("iframe");
  expect(await iframe.getAttribute("src")).toBe(first.preview_url);
  expect(await iframe.getAttribute("sandbox")).toBe(
    "allow-scripts allow-same-origin allow-forms allow-popups allow-modals",
  );
  await previewShows(START_PAGE);
});

test("F166 F204 a page of another origin may read the preview with credentials", async () => {
  const read = `fetch(${JSON.stringify(first.preview_url)}, { credentials: "include" }).then((answer) => answer.text())`;
  expect(await page.evaluate(read)).toContain(START_PAGE);
});

test("F206 a change to the app's source shows in the iframe by hot reload, without loading its page again", async () => {
  await firstHotReload;
  await inPreview("globalThis.isSameDocument = true");
  const guest = await SandboxInstance.fromSession(first.session);
  await guest.fs.write(
    "/blaxel/app/src/app/page.tsx",
    `export default function Home() { return <h1>${CHANGED}</h1>; }`,
  );
  await previewShows(CHANGED);
  expect(await inPreview("globalThis.isSameDocument")).toBe(true);
});

test("F206 the reload button loads the preview again", async () => {
  await reloadPreview();
  await previewShows(CHANGED);
  expect(await inPreview("globalThis.isSameDocument")).toBeUndefined();
});

test.each(["Stop", "Kill"])(
  "F206 %s ends npm-dev, the list shows it, and Start npm run dev starts it again",
  async (button) => {
    const { pid } = await npmDev(first.session);
    const running = page.locator(".bg-gray-100", { has: page.locator(".bg-green-500") });
    await running.getByTitle(`${button} process`).click();
    await running.waitFor({ state: "detached" });
    while ((await page.request.get(first.preview_url)).status() !== 502) await Bun.sleep(20);
    await reloadPreview();
    await previewShows("nothing listens on port 3000");
    // Without one, a page in an iframe shows what is behind it, here dark on dark.
    expect(await inPreview("getComputedStyle(document.body).backgroundColor")).not.toBe("rgba(0, 0, 0, 0)");

    await page.getByText("Start npm run dev").click();
    await running.waitFor();
    expect(await running.innerText()).toContain(`PID: ${(await npmDev(first.session)).pid}`);
    expect((await npmDev(first.session)).pid).not.toBe(pid);
    await reloadPreview();
    await previewShows(CHANGED);
  },
);

test("F203 F206 Refresh Sandbox Info replaces session and preview; the old session is shut, npm-dev goes on", async () => {
  const before = await npmDev(first.session);
  const second = await givenAfter(() => page.getByText("Refresh Sandbox Info").click());
  await page.getByText(second.session.name, { exact: true }).waitFor();
  expect(await previews()).toEqual(["preview 3000 public", `${second.session.name} 443 private`]);
  expect((await fetch(`${first.session.url}/process`, tokenOf(first.session))).status).toBe(404);
  expect((await npmDev(second.session)).pid).toBe(before.pid);
  await reloadPreview();
  await previewShows(CHANGED);
  expect(ownComplaints()).toEqual([]);
});

test("F206 the route answers 500 with a sentence when it has no access", async () => {
  const env = { ...suite.dormouse.env, BL_API_KEY: "wrong" };
  await using hostApp = await startHostApp(hostAppDir, { env, port: 0 });
  const answer = await fetch(`${hostApp.url}/api/sandbox`);
  expect(answer.status).toBe(500);
  expect(await answer.json()).toEqual({ error: expect.stringMatching(/./) as string });
});

async function buildNextjsImage(): Promise<void> {
  const command = [join(INSTALL_DIR, "dormouse"), "image", "build", "nextjs", "--data", suite.dormouse.dataDir];
  const child = Bun.spawn(command, { stdio: ["ignore", "inherit", "inherit"] });
  expect(await child.exited).toBe(0);
}

/** The answer of the host app's route to what `act` makes the page ask. */
async function givenAfter(act: () => Promise<unknown>): Promise<Given> {
  const [answer] = await Promise.all([page.waitForResponse("**/api/sandbox"), act()]);
  return (await answer.json()) as Given;
}

/** Name, port and kind of the sandbox's previews, of which sessions are a kind. */
async function previews(): Promise<string[]> {
  const { body } = await suite.api.call<PreviewAnswer[]>("GET", `/sandboxes/${NAME}/previews`);
  const lines = body.map(({ metadata, spec }) => `${metadata.name} ${spec.port} ${spec.public ? "public" : "private"}`);
  return lines.toSorted();
}

const tokenOf = ({ token }: Session): RequestInit => ({ headers: { "X-Blaxel-Preview-Token": token } });

/** As the sandbox knows it. */
async function npmDev(session: Session) {
  return (await SandboxInstance.fromSession(session)).process.get("npm-dev");
}

const lines = (text: string): string[] => text.split("\n").filter((line) => line !== "");

/** Waits for a text in the page's iframe; a development server that has just started compiles for some seconds. */
function previewShows(text: string): Promise<void> {
  return page.frameLocator("iframe").getByText(text).waitFor({ timeout: 60_000 });
}

function inPreview(script: string): Promise<unknown> {
  return page.frameLocator("iframe").locator("body").evaluate(script);
}

/** The page's own button puts a new iframe in place of the one before. */
async function reloadPreview(): Promise<void> {
  await Promise.all([page.waitForEvent("frameattached"), page.getByTitle("Refresh preview").click()]);
}

/** What the host app's own page complained about, and whatever a browser says of a request it refused. */
function ownComplaints(): string[] {
  return watch.complaints.filter((text) => text.includes(`localhost:${PORT}/`) || /CORS|Access-Control/.test(text));
}
