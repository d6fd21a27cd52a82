import fitPath from "@xterm/addon-fit/lib/addon-fit.js" with { type: "file" };
import xtermStylePath from "@xterm/xterm/css/xterm.css" with { type: "file" };
import xtermPath from "@xterm/xterm/lib/xterm.js" with { type: "file" };
import licensePath from "@xterm/xterm/LICENSE" with { type: "file" };
import { COMMON_HEADERS } from "../http.ts";
import clientPath from "./page/client.js" with { type: "file" };
import stylePath from "./page/style.css" with { type: "file" };

interface Page {
  readonly html: Uint8Array<ArrayBuffer>;
  readonly gzipped: Uint8Array<ArrayBuffer>;
  readonly headers: Readonly<Record<string, string>>;
}

let page: Promise<Page> | undefined;

/** The terminal as one document that needs nothing else, so that it works behind any path and whatever proves who asks. */
export async function answerPage(request: Request): Promise<Response> {
  page ??= buildPage();
  const { html, gzipped, headers } = await page;
  if (request.headers.get("accept-encoding")?.includes("gzip") !== true) return new Response(html, { headers });
  return new Response(gzipped, { headers: { ...headers, "Content-Encoding": "gzip", Vary: "Accept-Encoding" } });
}

async function buildPage(): Promise<Page> {
  const [license, xterm, fit, client] = await Promise.all([licensePath, xtermPath, fitPath, clientPath].map(read));
  const style = (await Promise.all([xtermStylePath, stylePath].map(read))).join("\n");
  const script = [`/*! xterm.js and its fit addon\n${license}*/`, xterm, fit, client]
    .map(withoutSourceMap)
    .join("\n;\n");
  const html = new TextEncoder().encode(render(script, style));
  return { html, gzipped: Bun.gzipSync(html), headers: headersFor(script) };
}

const read = (path: string): Promise<string> => Bun.file(path).text();

const withoutSourceMap = (script = ""): string => script.replace(/^\/\/# sourceMappingURL=.*$/gm, "");

/** Only our own script runs, and it talks to where it came from; the terminal sets its styles as it goes. */
function headersFor(script: string): Record<string, string> {
  const scriptHash = new Bun.CryptoHasher("sha256").update(script).digest("base64");
  const policy = [
    "default-src 'none'",
    `script-src 'sha256-${scriptHash}'`,
    "style-src 'unsafe-inline'",
    "connect-src 'self'",
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
  ];
  return {
    ...COMMON_HEADERS,
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": policy.join("; "),
    // The address may hold a token.
    "Referrer-Policy": "no-referrer",
  };
}

const render = (script: string, style: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Terminal</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<main id="terminal" aria-label="Terminal"></main>
<div id="status" role="status" hidden><span id="status-text"></span><button id="status-action" type="button" hidden></button></div>
<script>${script}</script>
</body>
</html>
`;
