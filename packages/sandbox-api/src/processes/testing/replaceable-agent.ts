import { toAppError } from "@dormouse/kernel";
import { readFileSync, writeFileSync } from "node:fs";
import { readConfig } from "../../config.ts";
import { errorResponse } from "../../http.ts";
import { createRouter } from "../../router.ts";
import { loadLibc } from "../libc.ts";
import { ProcessTable } from "../process-table.ts";
import { replaceProgram } from "../replace-program.ts";
import { processRoutes } from "../routes.ts";
import type { SavedProcesses } from "../saved-processes.ts";

/**
 * A program that serves the process routes and, asked by `POST /replace`, begins anew as another program of the same pid. It
 * prints its port each time. Arguments: its folder, that of its logs, and its port when it has one already.
 */
const [folder = "", logDirectory = "", port] = process.argv.slice(2);
const statePath = `${folder}/state.json`;
const config = readConfig(process.env, folder);
const table = new ProcessTable(config, logDirectory);
if (port !== undefined) await table.adopt(JSON.parse(readFileSync(statePath, "utf8")) as SavedProcesses);

async function replace(): Promise<never> {
  const libc = await loadLibc();
  if (libc === null) throw new Error("no system calls here");
  const ownPort = String(server.port);
  await server.stop(true);
  const saved = table.save();
  writeFileSync(statePath, JSON.stringify(saved), { mode: 0o600 });
  const inherited = saved.processes.flatMap(({ stdin }) => stdin?.fd ?? []);
  const argv = [process.execPath, import.meta.path, folder, logDirectory, ownPort] as const;
  return replaceProgram(libc, { argv, env: config.env, inherited });
}

const route = createRouter({ routes: processRoutes(config, table), features: [], root: () => new Response("root") });
const server = Bun.serve({
  port: Number(port ?? 0),
  hostname: "127.0.0.1",
  idleTimeout: 0,
  async fetch(request, self) {
    if (new URL(request.url).pathname === "/replace") {
      setTimeout(() => void replace(), 0);
      return new Response("soon");
    }
    try {
      return (await route(request, self as never)) ?? new Response();
    } catch (error) {
      return errorResponse(toAppError(error));
    }
  },
});
process.once("SIGTERM", () => {
  table[Symbol.dispose]();
  process.exit(0);
});
process.stdout.write(`${server.port}\n`);
