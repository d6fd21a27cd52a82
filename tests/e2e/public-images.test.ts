import { beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { chromium, type ConsoleMessage, type Locator, type Page } from "playwright-core";
import { goTo, openBrowser } from "../support/browser.ts";
import { INSTALL_DIR } from "../support/dormouse.ts";
import { eventually } from "../support/eventually.ts";
import { runInKernel } from "../support/jupyter.ts";
import { useDormouse } from "../support/suite.ts";

/* Our own images beside base-image, each built by its one command and used as its users do. nextjs and code-server have walkthroughs. */

const BUILD_TIMEOUT_MS = 900_000;
const APPS = ["ts-app", "vite", "astro", "py-app", "jupyter-server", "chromium", "playwright-chromium", "node"];
const AGENTS = ["claude-code", "codex"];
/** Building them takes minutes. */
const LARGE_IMAGES = ["expo", "jupyter-notebook", "xfce-vnc"];
const areLargeWanted = process.env["TEST_ALL_IMAGES"] === "1";

const suite = useDormouse({ DORMOUSE_IDLE_MS: "500" });

beforeAll(async () => {
  for (const name of [...APPS, ...AGENTS, ...(areLargeWanted ? LARGE_IMAGES : [])]) {
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

const testLarge = (name: string, whole: () => Promise<void>): void =>
  test.skipIf(!areLargeWanted)(areLargeWanted ? name : `${name} (TEST_ALL_IMAGES is not 1)`, whole);

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

test("F092 astro: its page opens in a browser by a preview, and follows a change by itself", async () => {
  await create("astro");
  await start("astro", "npm run dev", 4321);
  await using browser = await openBrowser();
  const page = await browser.newPage();
  const url = await previewOf("astro", 4321);
  await eventually(async () => {
    const isConnected = { predicate: (line: ConsoleMessage) => line.text() === "[vite] connected.", timeout: 10_000 };
    await Promise.all([page.waitForEvent("console", isConnected), goTo(page, url)]);
  });
  expect(await page.getByRole("heading").textContent()).toBe("Hello from Astro");
  await suite.api.write("from-astro", "/blaxel/app/src/pages/index.astro", "<h1>Changed</h1>");
  await page.getByRole("heading", { name: "Changed" }).waitFor();
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

test("F092 chromium: a client outside drives it over DevTools by a private preview, and finds its page again after a sleep", async () => {
  await create("chromium", 2048);
  await suite.api.run(
    "from-chromium",
    "until curl -sf http://127.0.0.1:8081/json/version > /dev/null; do sleep 0.1; done",
  );
  const { spec } = await suite.api.createPreview("from-chromium", { port: 8081 }, "devtools");
  const headers = { "X-Blaxel-Preview-Token": await suite.api.createToken("from-chromium", "devtools") };
  const connect = () => chromium.connectOverCDP(spec.url, { headers });
  {
    await using browser = await connect();
    const page = await browser.contexts()[0]?.newPage();
    await page?.setContent("<title>Left open</title>");
    expect((await page?.screenshot())?.subarray(1, 4).toString()).toBe("PNG");
  }
  await suite.api.untilState("from-chromium", "STANDBY");
  await using browser = await connect();
  const titles = browser.contexts().flatMap((context) => context.pages().map((page) => page.title()));
  expect(await Promise.all(titles)).toContain("Left open");
});

/** Agents report home and look for news; in tests they reach nothing but the sandbox. */
const ALONE = "HTTPS_PROXY=http://127.0.0.1:9 NO_PROXY=127.0.0.1";

/** Starts what stands for the model of an agent and has it run a command. */
async function startModel(image: string, command: string): Promise<void> {
  const program = await Bun.file(join(import.meta.dir, "programs/model.mjs")).text();
  await suite.api.write(`from-${image}`, "/tmp/model.mjs", program);
  await suite.api.process(`from-${image}`, {
    name: "model",
    command: `node /tmp/model.mjs '${command}'`,
    waitForPorts: [4000],
  });
}

test("F092 claude-code: does in the sandbox what its model says, and connects to the sandbox's MCP server", async () => {
  await create("claude-code");
  await startModel("claude-code", "id -un; echo 42 | tee answer");
  const model = "ANTHROPIC_BASE_URL=http://127.0.0.1:4000 ANTHROPIC_API_KEY=none";
  const ask = `cd /tmp && ${ALONE} ${model} claude -p "Go on" --dangerously-skip-permissions < /dev/null && cat answer`;
  expect(await suite.api.run("from-claude-code", ask)).toBe("root\n42\n42\n");
  const add = "claude mcp add --transport http sandbox http://127.0.0.1:8080/mcp";
  expect(await suite.api.run("from-claude-code", `${add} && ${ALONE} claude mcp list`)).toContain("✔ Connected");
});

test("F092 codex: does in the sandbox what its model says", async () => {
  await create("codex");
  await startModel("codex", "id -un; echo 42 | tee answer");
  const model = '{ name = "stand-in", base_url = "http://127.0.0.1:4000/v1", wire_api = "responses" }';
  const provider = `-c model_provider=own -c 'model_providers.own=${model}'`;
  const ask = `cd /tmp && ${ALONE} codex exec -m stand-in --skip-git-repo-check ${provider} "Go on" < /dev/null && cat answer`;
  expect(await suite.api.run("from-codex", ask)).toMatch(/root\n42\n+42\n$/);
});

testLarge("F092 expo: its page opens in a browser by a preview, and follows a change by itself", async () => {
  await create("expo", 4096);
  await start("expo", "npm run web -- --offline", 8081);
  await using browser = await openBrowser();
  const page = await browser.newPage();
  const url = await previewOf("expo", 8081);
  await openUntil(page, url, page.getByText("Welcome to"));
  await suite.api.run("from-expo", "sed -i 's/Welcome to/Changed to/' src/app/index.tsx");
  await page.getByText("Changed to").waitFor();
});

testLarge("F092 jupyter-notebook: a notebook in the browser runs a cell", async () => {
  await create("jupyter-notebook", 2048);
  await suite.api.run("from-jupyter-notebook", "until curl -sf http://127.0.0.1:8888/api; do sleep 0.1; done");
  const url = await previewOf("jupyter-notebook", 8888);
  const made = await fetch(`${url}/api/contents`, { method: "POST", body: JSON.stringify({ type: "notebook" }) });
  const { path } = (await made.json()) as { path: string };
  await using browser = await openBrowser();
  const page = await browser.newPage();
  await openUntil(page, `${url}/notebooks/${path}`, page.locator(".kernel_idle_icon"));
  await page.locator(".CodeMirror").first().click();
  await page.keyboard.type("import numpy; print(numpy.array([6]) * 7)");
  await page.keyboard.press("Shift+Enter");
  await page.locator(".output_stdout", { hasText: "[42]" }).waitFor();
});

testLarge(
  "F092 xfce-vnc: its desktop is shown and used in a browser by a private preview, and sleeps without one",
  async () => {
    await create("xfce-vnc", 2048);
    const { spec } = await suite.api.createPreview("from-xfce-vnc", { port: 6901 }, "desktop");
    const token = await suite.api.createToken("from-xfce-vnc", "desktop");
    await suite.api.run("from-xfce-vnc", "until (echo > /dev/tcp/127.0.0.1/6901) 2> /dev/null; do sleep 0.1; done");
    {
      await using browser = await openBrowser();
      const page = await browser.newPage({ viewport: { width: 1000, height: 700 } });
      await openUntil(page, `${spec.url}/?bl_preview_token=${token}`, page.locator("html.noVNC_connected"));
      await suite.api.process("from-xfce-vnc", { name: "terminal", command: "xfce4-terminal" });
      const find = "xdotool search --sync --onlyvisible --class xfce4-terminal windowactivate --sync";
      await suite.api.run("from-xfce-vnc", find);
      await page.keyboard.type("echo typed > /tmp/typed\n");
      await suite.api.run("from-xfce-vnc", "until grep typed /tmp/typed; do sleep 0.1; done");
      expect(await suite.api.run("from-xfce-vnc", "xdotool getdisplaygeometry")).toBe("1000 700\n");
    }
    await suite.api.untilState("from-xfce-vnc", "STANDBY");
  },
);
