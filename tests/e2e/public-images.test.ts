import { beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { chromium, type Locator, type Page } from "playwright-core";
import { WebSocket } from "ws";
import { goTo, openBrowser } from "../support/browser.ts";
import { INSTALL_DIR } from "../support/dormouse.ts";
import { eventually } from "../support/eventually.ts";
import { useDormouse } from "../support/suite.ts";

/* Our own images beside base-image, each built by its one command and used as its users do. nextjs and code-server have walkthroughs. */

const BUILD_TIMEOUT_MS = 900_000;
const IMAGES = ["ts-app", "vite", "py-app", "jupyter-server", "playwright-chromium", "node"];

const suite = useDormouse({ DORMOUSE_IDLE_MS: "500" });

beforeAll(async () => {
  for (const name of IMAGES) {
    const command = [join(INSTALL_DIR, "dormouse"), "image", "build", name, "--data", suite.dormouse.dataDir];
    const build = Bun.spawn(command, { stdio: ["ignore", "inherit", "inherit"] });
    expect(await build.exited).toBe(0);
  }
}, BUILD_TIMEOUT_MS);

const create = (image: string, memory = 1024) =>
  suite.api.create(`from-${image}`, { runtime: { image: `blaxel/${image}:latest`, memory } });

/** The address of a public preview. */
async function previewOf(image: string, port: number): Promise<string> {
  return (await suite.api.createPreview(`from-${image}`, { port, public: true })).spec.url;
}

const start = (image: string, command: string, port: number) =>
  suite.api.process(`from-${image}`, { name: "app", command, waitForPorts: [port] });

test("F092 node: package managers, TypeScript, and a compiler for native modules", async () => {
  await create("node");
  const program = `cat > a.ts <<'END'
const answer: number = 42;
console.log(answer);
END
tsx a.ts && tsc --version && pnpm --version && yarn --version && npm --version && g++ -dumpversion`;
  expect((await suite.api.run("from-node", `cd /tmp && ${program}`)).split("\n")).toEqual([
    "42",
    ...["Version 7", "12.", "1.22", "11.", "12"].map((version) => expect.stringContaining(version)),
    "",
  ]);
});

test("F092 ts-app: its server answers, and answers anew after a change", async () => {
  await create("ts-app");
  await start("ts-app", "npm run dev", 3000);
  const url = await previewOf("ts-app", 3000);
  expect(await (await fetch(url)).json()).toEqual({ message: "Hello from TypeScript" });
  expect(await suite.api.run("from-ts-app", "npm run --silent check && sed -i s/Hello/Hallo/ src/server.ts")).toBe("");
  await eventually(async () => {
    expect(await (await fetch(url)).json()).toEqual({ message: "Hallo from TypeScript" });
  });
});

test("F092 py-app: its server answers, and pip works without a virtual environment", async () => {
  await create("py-app");
  await start("py-app", "python main.py", 8000);
  expect(await (await fetch(await previewOf("py-app", 8000))).json()).toEqual({ message: "Hello from Python" });
  const setup = "cat > setup.py <<'END'\nfrom setuptools import setup\nsetup(name='own', py_modules=['own'])\nEND";
  const install = "echo 'answer = 42' > own.py; pip install --quiet --no-build-isolation --no-index . 2>&1";
  const use = "cd / && python -c 'import own; print(own.answer)'";
  expect(await suite.api.run("from-py-app", `mkdir /tmp/own && cd /tmp/own && ${setup}\n${install}; ${use}`)).toContain(
    "42\n",
  );
});

test("F092 vite: its page opens in a browser by a preview, and follows a change", async () => {
  await create("vite");
  await start("vite", "npm run dev", 5173);
  await using browser = await openBrowser();
  const page = await browser.newPage();
  const url = await previewOf("vite", 5173);
  await openUntil(page, url, page.getByRole("button", { name: /count/i }));
  await suite.api.write("from-vite", "/blaxel/app/src/App.tsx", "export default () => <h1>Changed</h1>;");
  await openUntil(page, url, page.getByRole("heading", { name: "Changed" }));
});

/** Opens the page, and again when a module of it was lost: Chromium breaks off what it loads when an address of the machine changes. */
const openUntil = (page: Page, url: string, shown: Locator): Promise<void> =>
  eventually(async () => {
    await goTo(page, url);
    await shown.waitFor({ timeout: 5000 });
  });

test("F092 jupyter-server: a kernel counts, sleeps with its variables, and goes on", async () => {
  await create("jupyter-server", 2048);
  await suite.api.run("from-jupyter-server", "until curl -sf http://127.0.0.1:8888/api; do sleep 0.1; done");
  const url = await previewOf("jupyter-server", 8888);
  const { id } = (await (await fetch(`${url}/api/kernels`, { method: "POST", body: "{}" })).json()) as { id: string };
  expect(await runInKernel(url, id, "answer = 6 * 7; print(answer)")).toBe("42\n");
  await suite.api.untilState("from-jupyter-server", "STANDBY");
  expect(await runInKernel(url, id, "import numpy; print(numpy.array([answer]).sum())")).toBe("42\n");
});

test("F092 playwright-chromium: a client outside drives its browser by a private preview", async () => {
  await create("playwright-chromium", 2048);
  await suite.api.run(
    "from-playwright-chromium",
    "until (echo > /dev/tcp/127.0.0.1/3000) 2> /dev/null; do sleep 0.1; done",
  );
  const { spec } = await suite.api.createPreview("from-playwright-chromium", { port: 3000 }, "browser");
  const token = await suite.api.createToken("from-playwright-chromium", "browser");
  await using browser = await chromium.connect(`${spec.url.replace("http", "ws")}/?bl_preview_token=${token}`);
  const page = await browser.newPage();
  await page.setContent("<h1>Inside</h1>");
  expect(await page.getByRole("heading").textContent()).toBe("Inside");
  expect((await page.screenshot()).subarray(1, 4).toString()).toBe("PNG");
});

/** What a cell prints. Source: Jupyter's messaging protocol 5.3, over its WebSocket of channels. */
async function runInKernel(url: string, kernelId: string, code: string): Promise<string> {
  const socket = new WebSocket(`${url.replace("http", "ws")}/api/kernels/${kernelId}/channels`);
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const header = { msg_id: "1", username: "", session: "test", date: "", msg_type: "execute_request", version: "5.3" };
  const content = { code, silent: false, store_history: true, user_expressions: {}, allow_stdin: false };
  socket.on("open", () =>
    socket.send(JSON.stringify({ header, parent_header: {}, metadata: {}, content, channel: "shell" })),
  );
  socket.on("error", reject);
  socket.on("message", (data: Buffer) => {
    const message = JSON.parse(data.toString()) as { msg_type: string; content: { text?: string } };
    if (message.msg_type === "stream") resolve(message.content.text ?? "");
    if (message.msg_type === "error") reject(new Error(JSON.stringify(message.content)));
  });
  try {
    return await promise;
  } finally {
    socket.close();
  }
}
