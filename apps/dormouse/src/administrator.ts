import { existsSync, readFileSync } from "node:fs";
import type { Config } from "./config.ts";
import { dataFiles } from "./installation.ts";

/** How the administrator of a data folder's Dormouse reaches its server. */
export interface AdministratorAccess {
  /** Without a trailing slash. */
  readonly baseUrl: string;
  readonly apiKey: string;
}

/** With `port` at that one, else where the latest start was. @throws Error when no Dormouse has run on the data folder */
export function administratorAccess(config: Config, port: number | undefined): AdministratorAccess {
  const files = dataFiles(config.dataDir);
  if (!existsSync(files.adminKey)) {
    throw new Error(
      `Cannot find the administrator's key: no Dormouse has run on "${config.dataDir}". Start one with \`dormouse up\``,
    );
  }
  const scheme = config.tls.length > 0 ? "https" : "http";
  const recorded = existsSync(files.endpoint)
    ? readFileSync(files.endpoint, "utf8").trim()
    : `${scheme}://localhost:${config.port}`;
  return {
    baseUrl: config.publicUrl ?? (port === undefined ? recorded : `${scheme}://localhost:${port}`),
    apiKey: readFileSync(files.adminKey, "utf8").trim(),
  };
}
