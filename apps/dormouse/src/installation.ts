import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { randomSecret } from "@dormouse/kernel";
import type { StoreOptions } from "@dormouse/store";
import type { Config } from "./config.ts";

/** Whether all of it is one file, instead of a checkout or package. */
export const isOneFile = Bun.isStandaloneExecutable;

/** What must be files when it runs. */
export interface Installation {
  readonly dir: string;
  readonly agentFile: string;
  readonly recipesDir: string;
}

export const installationIn = (dir: string): Installation => ({
  dir,
  agentFile: join(dir, "dist/sandbox-api"),
  recipesDir: join(dir, "images"),
});

/** Of a checkout or package: three folders up, from the sources and from the bundle alike. */
export const CHECKOUT = installationIn(resolve(import.meta.dir, "../../.."));

/** The checkout's own files, or those in the executable, which it unpacks into the cache folder on the first use. */
export async function openInstallation({ cacheDir }: Pick<Config, "cacheDir">): Promise<Installation> {
  if (!isOneFile) return CHECKOUT;
  const { unpackEmbedded } = await import("./embedded.ts");
  return installationIn(await unpackEmbedded(cacheDir));
}

/** Unprivileged system user the server runs as. */
export const SERVER_USER = "dormouse";

/** Files of a data folder that belong to neither the engine nor the server. */
export const dataFiles = (dataDir: string) =>
  ({
    adminKey: join(dataDir, "admin-key"),
    endpoint: join(dataDir, "endpoint"),
    serverDir: join(dataDir, "server"),
    imagesDir: join(dataDir, "images"),
  }) as const;

/** Where the records are: the file in the server's folder unless the configuration names a database. */
export const recordsIn = (serverDir: string, { databaseUrl }: Config): StoreOptions =>
  databaseUrl === undefined ? { sqlitePath: join(serverDir, "dormouse.sqlite") } : { databaseUrl };

/** The administrator's API key of a data folder, readable by root only; made on first use. */
export function adminKey(dataDir: string): string {
  const file = dataFiles(dataDir).adminKey;
  mkdirSync(dataDir, { recursive: true, mode: 0o711 });
  if (existsSync(file)) return readFileSync(file, "utf8").trim();
  const key = `dm_${randomSecret()}`;
  writeFileSync(file, `${key}\n`, { mode: 0o600, flag: "wx" });
  return key;
}
