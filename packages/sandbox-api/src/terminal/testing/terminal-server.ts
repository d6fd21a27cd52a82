import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readConfig } from "../../config.ts";
import { text } from "../../http.ts";
import { createRouter } from "../../router.ts";
import { type SocketSession, WEB_SOCKET_HANDLER } from "../../web-socket.ts";
import { terminalRoutes } from "../routes.ts";
import type { Patience } from "../terminal-session.ts";
import { TerminalTable } from "../terminal-table.ts";

export interface TerminalServer extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  /** Empty folder, where shells start. */
  readonly folder: string;
}

/** Serves terminals, and nothing else, with a patience that a test can wait for. */
export function startTerminalServer(patience: Patience): TerminalServer {
  const folder = mkdtempSync(join(tmpdir(), "terminal-test-"));
  const table = new TerminalTable(readConfig({ PATH: "/usr/bin:/bin", HOME: folder }, folder), patience);
  const routes = terminalRoutes(readConfig({}, folder), table);
  const route = createRouter({ routes, features: [], root: () => text("", 404) });
  const server = Bun.serve<SocketSession>({ port: 0, fetch: route, websocket: WEB_SOCKET_HANDLER });
  return {
    port: server.port ?? 0,
    url: `http://127.0.0.1:${server.port}`,
    folder,
    async [Symbol.asyncDispose]() {
      await table[Symbol.asyncDispose]();
      await server.stop(true);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
