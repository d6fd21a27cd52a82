import { administratorAccess } from "../administrator.ts";
import type { Config } from "../config.ts";

/** Prints the lines that point the stock SDK at this installation, for `eval`. */
export function runEnv(config: Config, port: number | undefined): void {
  const { baseUrl, apiKey } = administratorAccess(config, port);
  const variables = {
    BL_API_URL: `${baseUrl}/v0`,
    BL_RUN_URL: `${baseUrl}/run`,
    BL_WORKSPACE: config.workspace,
    BL_API_KEY: apiKey,
    BL_DISABLE_H2: "1",
  };
  process.stdout.write(
    Object.entries(variables)
      .map(([name, value]) => `export ${name}=${value}\n`)
      .join(""),
  );
}
