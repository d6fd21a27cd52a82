import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openBrowser } from "../support/browser.ts";
import { INSTALL_DIR } from "../support/dormouse.ts";
import { useDormouse } from "../support/suite.ts";

const suite = useDormouse();

/** An application of a user: the route of `docs/browser.md` to the letter, and a page. */
async function startApplication(env: Readonly<Record<string, string>>) {
  await using making = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), "dormouse-app-"));
  making.defer(() => rmSync(folder, { recursive: true }));
  const documentation = readFileSync(join(INSTALL_DIR, "docs/browser.md"), "utf8");
  writeFileSync(join(folder, "route.mjs"), /```js\n(\/\/ Next\.js.*?)```/s.exec(documentation)?.[1] ?? "");
  const entry = join(import.meta.dir, "programs/browser-page.ts");
  const bundle = await Bun.build({ entrypoints: [entry], target: "browser", conditions: ["browser"], outdir: folder });
  if (!bundle.success) throw new Error("the page does not bundle", { cause: bundle.logs });
  const program = `
    import * as route from "./route.mjs";
    const page = "<!doctype html><script type=module src=/page.js></script>";
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      idleTimeout: 0,
      fetch(request) {
        const { pathname } = new URL(request.url);
        if (pathname === "/page.js") return new Response(Bun.file("browser-page.js"));
        if (!pathname.startsWith("/blaxel/")) return new Response(page, { headers: { "content-type": "text/html" } });
        return route[request.method](request);
      },
    });
    console.log(server.port);`;
  writeFileSync(join(folder, "server.mjs"), program);
  const child = Bun.spawn([process.execPath, "server.mjs"], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  making.defer(async () => {
    child.kill();
    await child.exited;
  });
  const { value } = await child.stdout.getReader().read();
  const made = making.move();
  const url = `http://localhost:${new TextDecoder().decode(value).trim()}`;
  return { url, [Symbol.asyncDispose]: () => made.disposeAsync() };
}

test("F267 the browser build of the SDK works through a catch-all route of the user's own, and never sees the key", async () => {
  const { api } = suite;
  await using application = await startApplication(api.env);
  await using browser = await openBrowser();
  const page = await browser.newPage();
  const seen: string[] = [];
  page.on("request", (request) => seen.push(`${request.url()} ${JSON.stringify(request.headers())}`));
  await page.goto(application.url);
  await page.waitForFunction("globalThis.outcome !== undefined", undefined, { timeout: 60_000 });
  const outcome: unknown = await page.evaluate("globalThis.outcome");
  expect(outcome).toMatchObject({
    withoutCredential: expect.stringContaining("No Blaxel credentials") as string,
    stdout: "one\ntwo\n",
    streamed: "three\nfour\n",
    read: "written in a browser",
    url: `${application.url}/blaxel/run/default/sandboxes/in-browser`,
    missing: { code: 404 },
    names: ["in-browser"],
  });
  expect(JSON.stringify([outcome, seen])).not.toContain(api.key);
  expect(seen.filter((request) => !request.startsWith(application.url))).toEqual([]);
  expect(await api.run("in-browser", "cat '/tmp/a b/file.txt'")).toBe("written in a browser");
});
