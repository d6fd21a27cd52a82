import { chromium } from "playwright-core";

/* The sandbox is Chromium's sandbox: inside, everything is root and there are no namespaces of its own. */
const server = await chromium.launchServer({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-dev-shm-usage"],
  host: "0.0.0.0",
  port: Number(process.env.PORT ?? 3000),
  wsPath: "/",
});
console.log(`Chromium for Playwright listens on ${server.wsEndpoint()}`);
server.process().on("exit", (exitCode) => process.exit(exitCode ?? 1));
