import { mkdtempSync, rmSync } from "node:fs";
import { type Dormouse, startDormouse } from "../support/dormouse.ts";
import { Api } from "./api.ts";

/** What every benchmark gets: a Dormouse of the run's own, and how long it may take. */
export interface BenchContext {
  readonly dormouse: Dormouse;
  readonly api: Api;
  readonly isQuick: boolean;
}

/**
 * Runs `use` with a fresh Dormouse and takes it, its sandboxes and its files off the machine, however `use` ends. A signal
 * that should end this process ends `use`.
 */
export async function withDormouse<T>(
  env: Readonly<Record<string, string>>,
  use: (dormouse: Dormouse, api: Api) => Promise<T>,
): Promise<T> {
  const dataDir = mkdtempSync("/var/tmp/dormouse-bench-");
  const interruption = Promise.withResolvers<never>();
  const interrupt = (): void => interruption.reject(new Error("interrupted"));
  for (const signal of SIGNALS) process.on(signal, interrupt);
  try {
    await using dormouse = await startDormouse({ dataDir, env });
    const api = new Api(dormouse.env);
    const result = await Promise.race([use(dormouse, api), interruption.promise]);
    await removeAll(api);
    return result;
  } catch (error) {
    // Ctrl-C has ended the server too: another one takes the sandboxes up and deletes them.
    await using dormouse = await startDormouse({ dataDir });
    await removeAll(new Api(dormouse.env));
    throw error;
  } finally {
    for (const signal of SIGNALS) process.off(signal, interrupt);
    rmSync(dataDir, { recursive: true, force: true });
  }
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

async function removeAll(api: Api): Promise<void> {
  for (const name of await api.names()) await api.remove(name);
}
