import { AppError } from "@dormouse/kernel";
import { REQUEST_BODY_MAX_BYTES } from "@dormouse/schema";
import { Hono, type MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { createAccountsContext } from "./accounts/context.ts";
import { withAudit } from "./audit/audited.ts";
import { withCaller, withRequestId, type ApiEnv } from "./http/caller.ts";
import { renderError } from "./http/errors.ts";
import { observeRequests } from "./http/observe.ts";
import { refuseUnknownVersion } from "./http/version.ts";
import { createImageContext } from "./images/context.ts";
import { accountRoutes } from "./routes/accounts.ts";
import { apiKeyRoutes } from "./routes/api-keys.ts";
import { auditRoutes } from "./routes/audit.ts";
import { authorizePages } from "./routes/authorize-page.ts";
import { buildRoutes } from "./routes/builds.ts";
import { customDomainRoutes } from "./routes/custom-domains.ts";
import { hubRoutes } from "./routes/hub.ts";
import { imageRoutes } from "./routes/images.ts";
import { oauthRoutes } from "./routes/oauth.ts";
import { observabilityRoutes } from "./routes/observability.ts";
import { pendingImageShareRoutes } from "./routes/pending-image-shares.ts";
import { previewRoutes } from "./routes/previews.ts";
import { referenceRoutes } from "./routes/reference.ts";
import { sandboxRoutes } from "./routes/sandboxes.ts";
import {
  sandboxExecutionRoutes,
  scheduleRoutes,
  workspaceExecutionRoutes,
  workspaceScheduleRoutes,
} from "./routes/schedules.ts";
import { serviceAccountRoutes } from "./routes/service-accounts.ts";
import { signInPages } from "./routes/sign-in-pages.ts";
import { buildUploadRoutes } from "./routes/uploads.ts";
import { userRoutes } from "./routes/users.ts";
import { volumeTemplateRoutes, volumeUploadRoutes } from "./routes/volume-templates.ts";
import { volumeRoutes } from "./routes/volumes.ts";
import { workspaceRoutes } from "./routes/workspaces.ts";
import type { SandboxContext } from "./sandboxes/context.ts";
import { createVolumeTemplateContext } from "./volume-templates/context.ts";

/** The HTTP API, under `/v0` and again under `/api`, where clients behind a proxy setting look for it. */
export function createControlPlane(deps: SandboxContext): Hono<ApiEnv> {
  const accounts = createAccountsContext(deps);
  const volumeTemplates = createVolumeTemplateContext(deps);
  const images = createImageContext(deps);
  const uploads = new Hono<ApiEnv>()
    .route("/", volumeUploadRoutes(volumeTemplates))
    .route("/", buildUploadRoutes(deps));
  const api = new Hono<ApiEnv>()
    .route("/", oauthRoutes(accounts))
    .route("/", referenceRoutes())
    .use(refuseUnknownVersion)
    .use(withCaller(deps))
    .route("/accounts", accountRoutes(deps))
    .route("/workspaces", workspaceRoutes(deps))
    .route("/users", userRoutes(deps))
    .route("/service_accounts", serviceAccountRoutes(deps))
    .route("/api_keys", apiKeyRoutes(deps))
    .route("/audit", auditRoutes(deps))
    .route("/sandboxes/:sandbox/previews", previewRoutes(deps))
    .route("/sandboxes/:sandbox/schedules", scheduleRoutes(deps))
    .route("/sandboxes/:sandbox/schedule-executions", sandboxExecutionRoutes(deps))
    .route("/schedules", workspaceScheduleRoutes(deps))
    .route("/schedule-executions", workspaceExecutionRoutes(deps))
    .route("/customdomains", customDomainRoutes(deps))
    .route("/volumes", volumeRoutes(deps))
    .route("/volume_templates", volumeTemplateRoutes(volumeTemplates))
    .route("/", buildRoutes(deps))
    .route("/observability", observabilityRoutes(deps))
    .route("/images", imageRoutes(images))
    .route("/pending-image-shares", pendingImageShareRoutes(images))
    .route("/", hubRoutes(deps))
    .route("/sandboxes", sandboxRoutes(deps));
  return (
    new Hono<ApiEnv>()
      .use(withRequestId)
      .use(observeRequests(deps))
      .use(withAudit(deps))
      // Uploads have a limit of their own.
      .route("/v0", uploads)
      .route("/api", uploads)
      .use(bodyLimit({ maxSize: REQUEST_BODY_MAX_BYTES, onError: refuseLargeBody }))
      .route("/v0", api)
      .route("/api", api)
      .route("/", signInPages(accounts))
      .route("/", authorizePages(accounts))
      .get("/", showReference)
      // The latter by RFC 8414, as clients that know no OpenID look for it.
      .on("GET", ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"], (c) =>
        c.redirect("/v0/.well-known/openid-configuration"),
      )
      .notFound((c) => renderError(deps, c, routeNotFound(c.req.method, c.req.path)))
      .onError((error, c) => renderError(deps, c, error))
  );
}

/** To people; a program is told that there is nothing. */
const showReference: MiddlewareHandler<ApiEnv> = async (c, next) =>
  c.req.header("accept")?.includes("text/html") === true ? c.redirect("/v0/docs") : await next();

function refuseLargeBody(): never {
  throw new AppError("TOO_LARGE", `Cannot accept the request body: it is larger than ${REQUEST_BODY_MAX_BYTES} bytes`, {
    hint: "Write large files into the sandbox after it is created",
  });
}

function routeNotFound(method: string, path: string): AppError {
  return new AppError("ROUTE_NOT_FOUND", `Cannot answer ${method} ${path}: this server has no such route`, {
    hint: "The API starts at /v0 and is described at /v0/docs",
  });
}
