import { AppError } from "@dormouse/kernel";
import { REQUEST_BODY_MAX_BYTES } from "@dormouse/schema";
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { withCaller, withRequestId, type ApiEnv } from "./http/caller.ts";
import { renderError } from "./http/errors.ts";
import type { ControlPlaneDeps } from "./ports.ts";
import { previewRoutes } from "./routes/previews.ts";
import { sandboxRoutes } from "./routes/sandboxes.ts";
import { createContext } from "./sandboxes/context.ts";

/** The HTTP API, under `/v0` and again under `/api`, where clients behind a proxy setting look for it. */
export function createControlPlane(deps: ControlPlaneDeps): Hono<ApiEnv> {
  const api = new Hono<ApiEnv>()
    .use(withCaller(deps))
    .use(bodyLimit({ maxSize: REQUEST_BODY_MAX_BYTES, onError: refuseLargeBody }))
    .route("/sandboxes/:sandbox/previews", previewRoutes(deps))
    .route("/sandboxes", sandboxRoutes(createContext(deps)));
  return new Hono<ApiEnv>()
    .use(withRequestId)
    .route("/v0", api)
    .route("/api", api)
    .notFound((c) => renderError(deps, c, routeNotFound(c.req.method, c.req.path)))
    .onError((error, c) => renderError(deps, c, error));
}

function refuseLargeBody(): never {
  throw new AppError("TOO_LARGE", `Cannot accept the request body: it is larger than ${REQUEST_BODY_MAX_BYTES} bytes`, {
    hint: "Write large files into the sandbox after it is created",
  });
}

function routeNotFound(method: string, path: string): AppError {
  return new AppError("ROUTE_NOT_FOUND", `Cannot answer ${method} ${path}: this server has no such route`, {
    hint: "The API starts at /v0",
  });
}
