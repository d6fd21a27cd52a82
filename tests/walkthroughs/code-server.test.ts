import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { Browser, BrowserContext } from "playwright-core";
import { WebSocket } from "ws";
import { openBrowser } from "../support/browser.ts";
import { INSTALL_DIR } from "../support/dormouse.ts";
import { useDormouse } from "../support/suite.ts";
import { Ide } from "./ide.ts";
import { printedAddress } from "./printed-address.ts";
import { runTypeScript } from "./run-typescript.ts";
import { type Traffic, watchTraffic } from "./traffic.ts";

const BUILD_TIMEOUT_MS = 600_000;
const IMAGE = "code-server-template:latest";
const PROJECT = "/home/user/project";
const NOTES = `${PROJECT}/notes.txt`;
/** Without them VS Code, when it is slow to start, lays its page of welcome over the file that was opened meanwhile. */
const SETTINGS = { "workbench.startupEditor": "none" };

const suite = useDormouse({ DORMOUSE_IDLE_MS: "500" });

beforeAll(async () => {
  const command = ["image", "build", "code-server", "--tag", IMAGE, "--data", suite.dormouse.dataDir];
  const build = Bun.spawn([join(INSTALL_DIR, "dormouse"), ...command], { stdio: ["ignore", "inherit", "inherit"] });
  expect(await build.exited).toBe(0);
}, BUILD_TIMEOUT_MS);

/** Resolves when code-server answers inside the sandbox. */
const untilServed = (name: string, port: number): Promise<string> =>
  suite.api.run(name, `until curl -sf http://127.0.0.1:${port}/healthz; do sleep 0.02; done`);

describe("a sandbox of the image", () => {
  const NAME = "from-image";

  beforeAll(async () => {
    await suite.api.create(NAME, { runtime: { image: IMAGE, memory: 4096 } });
    await untilServed(NAME, 8081);
  });

  test("F281 its entrypoint writes the configuration and starts code-server through the sandbox API", async () => {
    const config = await suite.api.run(NAME, "cat /root/.config/code-server/config.yaml");
    expect(config).toBe('bind-addr: 0.0.0.0:8081\nauth: none\ncert: false\ntrusted-origins:\n  - "*"\n');
    const processes = JSON.parse(await suite.api.text(NAME, "/process")) as Record<string, unknown>[];
    expect(processes.filter(({ name }) => name === "code-server")).toMatchObject([
      { workingDir: "/home/user", status: "running" },
    ]);
    expect(await suite.api.run(NAME, "ps -C entrypoint.sh -o args=")).toBe("/bin/bash /home/user/entrypoint.sh\n");
  });

  test("F280 it has the tools of the tutorial, and its Next.js app", async () => {
    const tools = "curl wget ps jq sed grep nano vim git sudo python3 zip tree unzip node npm tsc ts-node webpack";
    expect(await suite.api.run(NAME, `for tool in ${tools}; do command -v $tool > /dev/null || echo $tool; done`)).toBe(
      "",
    );
    const program = "echo 'const answer: number = 42; console.log(answer)' > a.ts; tsc a.ts; node a.js";
    expect(await suite.api.run(NAME, `cd /tmp; ${program}`)).toBe("42\n");
    expect(await suite.api.run(NAME, "ls /blaxel/app/package.json /blaxel/app/node_modules/.bin/next | wc -l")).toBe(
      "2\n",
    );
  });

  test("R-26 F165 without trusted origins code-server accepts WebSockets from the preview's own address, and from no other", async () => {
    const options = "--auth none --bind-addr 0.0.0.0:8082 --user-data-dir /tmp/plain --config /tmp/plain.yaml";
    await suite.api.run(NAME, "echo 'cert: false' > /tmp/plain.yaml");
    await suite.api.process(NAME, { name: "plain", command: `code-server ${options}`, waitForPorts: [8082] });
    const { spec } = await suite.api.createPreview(NAME, { port: 8082, public: true }, "plain");
    expect(await handshake(spec.url, spec.url)).toBe("open");
    expect(await handshake(spec.url, "http://elsewhere.localhost")).toContain("403");
  });
});

/** How a WebSocket from a page of `origin` is answered: "open", or the error. */
function handshake(url: string, origin: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = new WebSocket(`${url.replace("http", "ws")}/?reconnectionToken=${crypto.randomUUID()}`, { origin });
  socket.on("open", () => {
    resolve("open");
    socket.terminate();
  });
  socket.on("error", ({ message }) => resolve(message));
  return promise;
}

describe("the tutorial", () => {
  const NAME = "my-code-server-sandbox";
  let browser: Browser;
  let context: BrowserContext;
  let traffic: Traffic;
  let ide: Ide;

  beforeAll(async () => {
    browser = await openBrowser();
    context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    traffic = await watchTraffic(context);
  });
  afterAll(() => browser.close());

  const readUntil = async (path: string, text: string): Promise<string> =>
    (await runTypeScript("read-until", suite.dormouse.env, [NAME, path, text])).stdout;

  test("F282 its program makes the sandbox, a private preview and a token, and prints the address", async () => {
    const webUrl = await printedAddress(suite.dormouse.env);
    expect(webUrl).toMatch(/^http:\/\/[a-z0-9]+\.preview\.localhost:\d+\?bl_preview_token=[\w-]+$/);
    expect((await fetch(new URL(webUrl).origin)).status).toBe(401);
    await suite.api.write(NAME, NOTES, "first line\n");
    await suite.api.run(NAME, `mkdir ${PROJECT}/inner`);
    await suite.api.write(NAME, "/root/.local/share/code-server/User/settings.json", JSON.stringify(SETTINGS));
    await untilServed(NAME, 8081);
    ide = new Ide(await context.newPage());
    await ide.page.goto(webUrl);
  });

  test("F283 F165 the address, opened once, loads the whole IDE and its WebSockets; the token is nowhere after that", async () => {
    await ide.untilLoaded();
    await ide.openFolder(PROJECT, "inner");
    await ide.openFile("notes.txt");
    const address = new URL(ide.page.url());
    expect(address.search).toBe("?folder=/home/user/project");
    const [first, ...later] = traffic.requests;
    expect(first?.url).toContain("?bl_preview_token=");
    expect(later.filter(({ url, referer }) => `${url} ${referer}`.includes("bl_preview_token"))).toEqual([]);
    expect(later.filter(({ referer }) => referer?.startsWith(address.origin)).length).toBeGreaterThan(20);
    expect(traffic.failures.filter((failure) => !IS_NOT_SHIPPED.test(failure))).toEqual([]);
    expect(traffic.webSockets.filter(({ isOpen }) => isOpen).length).toBeGreaterThanOrEqual(4);
    expect(traffic.webSockets.filter(({ url }) => url.includes("bl_preview_token"))).toEqual([]);
  });

  test("F283 what is typed and saved in the editor is what the SDK reads, and its terminal runs commands", async () => {
    await ide.write("typed in the browser");
    expect(await readUntil(NOTES, "browser")).toBe("first line\ntyped in the browser");
    await ide.openFirstTerminal();
    await ide.runInTerminal("secret=kept; echo $$ $PWD > shell.txt");
    await ide.file("shell.txt").waitFor();
    expect(await readUntil(`${PROJECT}/shell.txt`, "\n")).toMatch(/^\d+ \/home\/user\/project\n$/);
  });

  test("F283 F005 the sandbox sleeps while the page is closed, and the same address without a token finds file and shell as they were", async () => {
    const shell = await readUntil(`${PROJECT}/shell.txt`, "\n");
    const address = ide.page.url();
    await ide.page.close();
    await suite.api.untilState(NAME, "STANDBY");

    ide = new Ide(await context.newPage());
    await ide.page.goto(address);
    // Which tabs were open is the browser's to remember, and VS Code tells it only every few seconds.
    await ide.openFile("notes.txt");
    await ide.editor().getByText("typed in the browser").waitFor();
    await ide.findTerminal();
    await ide.runInTerminal("echo $secret $$ $PWD > same.txt");
    expect(await readUntil(`${PROJECT}/same.txt`, "\n")).toBe(`kept ${shell}`);
    expect(traffic.failures.filter((failure) => !IS_NOT_SHIPPED.test(failure))).toEqual([]);
  });
});

/** What VS Code asks for in vain wherever it is not Microsoft's own build. */
const IS_NOT_SHIPPED = /^404 .*\/vsda\//;
