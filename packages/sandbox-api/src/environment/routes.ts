import { json } from "../http.ts";
import type { Route } from "../router.ts";
import type { Environment } from "./environment.ts";
import { reloadEnvironment } from "./reload.ts";

/** The platform's call after it has written new variables to `documentPath`. */
export function environmentRoutes(environment: Environment, documentPath: string): Route[] {
  const handle = async () => json(await reloadEnvironment(environment, documentPath));
  return [{ method: "POST", pattern: "/environment/reload", handle }];
}
