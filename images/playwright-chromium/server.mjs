import { chromium } from "playwright-core";

const server = await chromium.launchServer({
  executablePath: "/usr/bin/chromium",
  host: "0.0.0.0",
  port: Number(process.env.PORT ?? 3000),
  wsPath: "/",
});
console.log(`Chromium for Playwright listens on ${server.wsEndpoint()}`);
server.process().on("exit", (exitCode) => process.exit(exitCode ?? 1));
