import { resolve } from "node:path";
import { AppError } from "@dormouse/kernel";
import { Hono } from "hono";
import { html } from "hono/html";
import { secureHeaders } from "hono/secure-headers";
import scriptPath from "swagger-ui-dist/swagger-ui-bundle.js" with { type: "file" };
import stylePath from "swagger-ui-dist/swagger-ui.css" with { type: "file" };
import type { ApiEnv } from "../http/caller.ts";

interface Asset {
  /** From this module: in the bundle, files lie beside it. */
  readonly path: string;
  readonly type: string;
}

const ASSETS: Readonly<Record<string, Asset>> = {
  "swagger-ui.css": { path: stylePath, type: "text/css; charset=utf-8" },
  "swagger-ui-bundle.js": { path: scriptPath, type: "text/javascript; charset=utf-8" },
};

const ASSET_CACHE_CONTROL = "public, max-age=3600";

/** All of the page comes from this server, and nothing leaves it. Its styles are in its elements. */
const safeHeaders = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'", "'unsafe-inline'"],
    imgSrc: ["'self'", "data:"],
    connectSrc: ["'self'"],
    frameAncestors: ["'none'"],
    baseUri: ["'none'"],
    formAction: ["'none'"],
  },
  xFrameOptions: "DENY",
});

/* Addresses relative to the page's own: it is served below every prefix of the API. */
const PAGE = html`<!doctype html>
  <html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <title>Dormouse API</title>
      <link rel="icon" href="data:," />
      <link rel="stylesheet" href="docs/swagger-ui.css" />
      <style>
        @media (max-width: 600px) {
          .swagger-ui .opblock-tag {
            display: grid;
            grid-template-columns: 1fr auto;
          }
          .swagger-ui .opblock-tag small {
            grid-row: 2;
            padding: 0;
          }
        }
      </style>
    </head>
    <body>
      <div id="reference"></div>
      <script src="docs/swagger-ui-bundle.js"></script>
      <script src="docs/start.js"></script>
    </body>
  </html>`;

const START_SCRIPT = `SwaggerUIBundle({ url: "openapi.json", dom_id: "#reference", deepLinking: true, validatorUrl: null });`;

/** `/openapi.json`, and `/docs` for browsers. The document is made when first asked for. */
export function referenceRoutes(): Hono<ApiEnv> {
  let document: string | undefined;
  return new Hono<ApiEnv>()
    .get("/openapi.json", async (c) => {
      document ??= JSON.stringify((await import("../openapi/document.ts")).openApiDocument());
      return c.body(document, 200, { "Content-Type": "application/json" });
    })
    .use("/docs/*", safeHeaders)
    .get("/docs", (c) => c.html(PAGE))
    .get("/docs/start.js", (c) => c.body(START_SCRIPT, 200, { "Content-Type": "text/javascript; charset=utf-8" }))
    .get("/docs/:asset", (c) => {
      const name = c.req.param("asset");
      const asset = ASSETS[name];
      if (asset === undefined)
        throw new AppError("FILE_NOT_FOUND", `Cannot find "${name}": the reference has no such file`);
      const file = Bun.file(resolve(import.meta.dir, asset.path));
      return c.body(file.stream(), 200, { "Content-Type": asset.type, "Cache-Control": ASSET_CACHE_CONTROL });
    });
}
