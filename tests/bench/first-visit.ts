import type { BenchContext } from "./context.ts";
import { type Figure, ms, summaryText, withFloor } from "./figure.ts";
import { summarize, timesMs } from "./stats.ts";

const PORT = 3000;
const APP = `Bun.serve({ port: ${PORT}, fetch: () => new Response("<h1>ok</h1>", { headers: { "content-type": "text/html" } }) });`;

/** What a visitor waits for the first time: the address with its token, the redirect, the page with the cookie. */
export async function benchFirstVisit({ api, isQuick }: BenchContext): Promise<Figure[]> {
  await using sandbox = await api.create("visited");
  await sandbox.write("/tmp/app.js", APP);
  await sandbox.exec("exec sandbox-api /tmp/app.js", { name: "app", env: { BUN_BE_BUN: "1" }, waitForPorts: [PORT] });
  const { url, token } = await api.privatePreview(sandbox.name, PORT);
  const direct = `http://${await sandbox.address()}:${PORT}/`;
  const count = isQuick ? 50 : 500;
  const floor = summarize(await timesMs(count, () => get(direct, {}).then((answer) => answer.text())));
  const visits = summarize(await timesMs(count, () => visit(`${url}/?bl_preview_token=${token}`)));
  return [
    {
      key: "first_visit_ms",
      value: withFloor(visits, floor.p50),
      title: "first visit to a private preview",
      text: `${summaryText(visits)} (redirect, then page; two connections)`,
      beside: `floor ${ms(floor.p50)} (the page without gateway; one connection)`,
    },
  ];
}

/** As a browser does it that has no connection yet. */
async function visit(url: string): Promise<void> {
  const redirect = await get(url, {});
  const cookie = redirect.headers.getSetCookie()[0]?.split(";")[0] ?? "";
  const page = await get(new URL(redirect.headers.get("location") ?? "", url).href, { cookie });
  if (page.status !== 200) throw new Error(`The first visit ended with ${page.status}`);
  await page.text();
}

function get(url: string, headers: Readonly<Record<string, string>>): Promise<Response> {
  return fetch(url, { headers: { accept: "text/html", ...headers }, redirect: "manual", keepalive: false });
}
