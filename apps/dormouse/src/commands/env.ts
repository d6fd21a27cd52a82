import { existsSync, readFileSync } from "node:fs";
import type { Config } from "../config.ts";
import { dataFiles } from "../installation.ts";

/** Prints the lines that point the stock SDK at this installation, for `eval`. */
export function runEnv(config: Config, port: number | undefined): void {
  const files = dataFiles(config.dataDir);
  if (!existsSync(files.adminKey)) {
    throw new Error(
      `Cannot print the environment: no Dormouse has run on "${config.dataDir}". Start one with \`dormouse up\``,
    );
  }
  const scheme = config.tls.length > 0 ? "https" : "http";
  const recorded = existsSync(files.endpoint)
    ? readFileSync(files.endpoint, "utf8").trim()
    : `${scheme}://localhost:${config.port}`;
  const base = config.publicUrl ?? (port === undefined ? recorded : `${scheme}://localhost:${port}`);
  const variables = {
    BL_API_URL: `${base}/v0`,
    BL_RUN_URL: `${base}/run`,
    BL_WORKSPACE: config.workspace,
    BL_API_KEY: readFileSync(files.adminKey, "utf8").trim(),
    BL_DISABLE_H2: "1",
  };
  process.stdout.write(
    Object.entries(variables)
      .map(([name, value]) => `export ${name}=${value}\n`)
      .join(""),
  );
}
