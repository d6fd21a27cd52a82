import { chownSync, closeSync, existsSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { instanceDir, instanceName } from "@dormouse/engine";
import { AppError } from "@dormouse/kernel";
import { backUp, restore, type StoreOptions } from "@dormouse/store";
import type { Config } from "../config.ts";
import { dataFiles, recordsIn } from "../installation.ts";
import { ensureServerUser } from "../server-user.ts";

/** Writes the records of a data folder, or of the configured database, to a file. */
export async function runBackup(file: string, config: Config): Promise<void> {
  const records = recordsIn(dataFiles(config.dataDir).serverDir, config);
  if ("sqlitePath" in records && !existsSync(records.sqlitePath)) {
    throw new AppError("INVALID_ARGUMENT", `Cannot back up "${config.dataDir}": no Dormouse has run on it`, {
      hint: "Name its folder with --data, or its database with DORMOUSE_DATABASE_URL",
    });
  }
  const { rowCount } = await backUp(records, file);
  process.stderr.write(`dormouse: ${rowCount} records written to ${file}\n`);
}

/** Brings the records of a file into a data folder, or into the configured database. */
export async function runRestore(file: string, config: Config, replace: boolean): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error("Cannot restore: the records are the server's. Run it with sudo");
  if (await isRunning(config.dataDir)) {
    throw new AppError("INVALID_ARGUMENT", `Cannot restore into "${config.dataDir}": Dormouse is running on it`, {
      hint: "Stop it first",
    });
  }
  const { rowCount } = await restore(await prepareRecords(config), file, { replace });
  process.stderr.write(`dormouse: ${rowCount} records restored from ${file}\n`);
}

/** A new file is made the server's before SQLite opens it, which gives its companions the same owner. */
async function prepareRecords(config: Config): Promise<StoreOptions> {
  const { serverDir } = dataFiles(config.dataDir);
  const records = recordsIn(serverDir, config);
  if (!("sqlitePath" in records) || existsSync(records.sqlitePath)) return records;
  const { userId, groupId } = await ensureServerUser();
  mkdirSync(config.dataDir, { recursive: true, mode: 0o711 });
  mkdirSync(serverDir, { recursive: true, mode: 0o700 });
  closeSync(openSync(records.sqlitePath, "wx", 0o600));
  for (const path of [serverDir, records.sqlitePath]) chownSync(path, userId, groupId);
  return records;
}

/** Whether an engine answers on the data folder. */
async function isRunning(dataDir: string): Promise<boolean> {
  if (!existsSync(dataDir)) return false;
  const unix = join(instanceDir(instanceName(dataDir)), "engine.sock");
  try {
    const socket = await Bun.connect({ unix, socket: { data: () => undefined } });
    socket.end();
    return true;
  } catch {
    return false;
  }
}
