/*
 * What a user of ours writes: the unmodified @blaxel/core under Node, pointed at a Dormouse by environment variables.
 * Run by `npm run quickstart`; prints one line per step with its milliseconds.
 */
import { SandboxInstance } from "@blaxel/core";
import { WebSocket } from "ws";

/* The SDK asks for a region, which a self-hosted server neither has nor wants: it would send traffic to a foreign edge. */
const { warn } = console;
console.warn = (...parts) => String(parts[0]).includes("'region' is not set") || warn(...parts);

const NAME = "quickstart";
const PORT = 5173;

/** Runs one step and prints its line; one that takes longer than a second says first that it has begun. */
async function step(title, run) {
  const begun = setTimeout(() => process.stdout.write(`        … ${title}${process.stdout.isTTY ? "\r" : "\n"}`), 1000);
  const startedAtMs = performance.now();
  const result = await run();
  clearTimeout(begun);
  const tookMs = performance.now() - startedAtMs;
  const took = tookMs < 10 ? tookMs.toFixed(1) : Math.round(tookMs).toLocaleString("en");
  process.stdout.write(`${took.padStart(7)} ms ${title}\n`);
  return result;
}

/** A shell command in the sandbox, its output shown as it comes. */
async function run(sandbox, name, command) {
  const result = await sandbox.process.exec({
    name,
    command,
    workingDir: "/blaxel",
    waitForCompletion: true,
    onLog: (line) => process.env.VERBOSE && process.stdout.write(`    | ${line}\n`),
  });
  if (result.exitCode !== 0) throw new Error(`"${command}" exited with ${result.exitCode}:\n${result.logs}`);
}

const VITE_CONFIG = `
let count = 0; // lives in the memory of the dev server
export default {
  server: { host: true, port: ${PORT} },
  plugins: [{
    name: "counter",
    configureServer(server) {
      server.middlewares.use("/counter", (_, response) => response.end(String(++count)));
    },
  }],
};
`;

const fetchText = async (url) => {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  return response.text();
};

/** The dev server's own channel to the browser, opened as its page would. */
async function openHotReload(previewUrl) {
  const client = await fetchText(`${previewUrl}/@vite/client`);
  const token = /wsToken = "([^"]+)"/.exec(client)?.[1];
  const socket = new WebSocket(`${previewUrl.replace(/^http/, "ws")}/?token=${token}`, "vite-hmr");
  const messages = [];
  let wake = () => undefined;
  socket.on("message", (data) => {
    messages.push(JSON.parse(data));
    wake();
  });
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  const next = async (isWanted) => {
    for (;;) {
      const message = messages.shift();
      if (message && isWanted(message)) return message;
      if (!message) await new Promise((resolve) => (wake = resolve));
    }
  };
  return { next, close: () => socket.close() };
}

async function waitForState(state) {
  for (;;) {
    const sandbox = await SandboxInstance.get(NAME);
    if (sandbox.state === state || sandbox.sandbox?.state === state) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function tour() {
  const sandbox = await step("create a sandbox from blaxel/base-image", () =>
    SandboxInstance.createIfNotExists({
      name: NAME,
      image: "blaxel/base-image:latest",
      memory: 2048,
      ports: [{ name: "web", target: PORT, protocol: "HTTP" }],
    }),
  );
  await step("run a command in it", () => run(sandbox, "hello", "echo hello from $(hostname)"));
  await step("npm create vite", () =>
    run(sandbox, "create", "npm create --yes vite@latest app -- --template vanilla --no-interactive"),
  );
  await step("npm install", () => run(sandbox, "install", "cd app && npm install --no-audit --no-fund"));
  await sandbox.fs.write("/blaxel/app/vite.config.js", VITE_CONFIG);
  await step("start the dev server and wait for its port", () =>
    sandbox.process.exec({
      name: "dev",
      command: "npm run dev",
      workingDir: "/blaxel/app",
      waitForPorts: [PORT],
      timeout: 60,
    }),
  );
  const preview = await step("open a preview", () =>
    sandbox.previews.createIfNotExists({ metadata: { name: "web" }, spec: { port: PORT, public: true } }),
  );
  const previewUrl = preview.spec.url;
  const page = await step("load the page from outside", () => fetchText(`${previewUrl}/`));
  if (!page.includes("/@vite/client")) throw new Error(`the preview does not show the dev server's page:\n${page}`);

  const hotReload = await step("connect to its hot reload WebSocket", () => openHotReload(previewUrl));
  await step("change a source file and see it reload", async () => {
    await hotReload.next((message) => message.type === "connected");
    await fetchText(`${previewUrl}/src/main.js`);
    await sandbox.fs.write("/blaxel/app/src/main.js", 'document.body.textContent = "changed from outside";\n');
    await hotReload.next((message) => message.type === "update" || message.type === "full-reload");
    const source = await fetchText(`${previewUrl}/src/main.js`);
    if (!source.includes("changed from outside")) throw new Error(`the preview shows old source:\n${source}`);
  });
  hotReload.close();

  await step("count in the dev server's memory", async () => {
    for (const expected of ["1", "2", "3"]) {
      const count = await fetchText(`${previewUrl}/counter`);
      if (count !== expected) throw new Error(`the counter is at ${count}, not ${expected}`);
    }
  });
  await step("leave it alone until it sleeps (STANDBY)", () => waitForState("STANDBY"));
  await step("wake it with one request; the counter is intact", async () => {
    const count = await fetchText(`${previewUrl}/counter`);
    if (count !== "4") throw new Error(`the counter is at ${count}, not 4: memory was lost`);
  });
  await step("delete it", () => sandbox.delete());
}

try {
  await tour();
} catch (error) {
  process.stderr.write(`\nquickstart: ${error instanceof Error ? error.message : JSON.stringify(error)}\n`);
  await SandboxInstance.delete(NAME).catch(() => undefined);
  process.exitCode = 1;
}
