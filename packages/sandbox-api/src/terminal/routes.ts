import type { SandboxApiConfig } from "../config.ts";
import type { Route } from "../router.ts";
import { upgradeTo } from "../web-socket.ts";
import { readTerminalRequest } from "./terminal-request.ts";
import type { TerminalTable } from "./terminal-table.ts";
import { Viewer } from "./viewer.ts";

/** The page at `/terminal` and the socket beneath it; none where terminals are disabled. */
export function terminalRoutes(config: SandboxApiConfig, table: TerminalTable): Route[] {
  if (config.isTerminalDisabled) return [];
  return [
    {
      method: "GET",
      pattern: "/terminal",
      handle: async ({ request }) => (await import("./page.ts")).answerPage(request),
    },
    {
      method: "GET",
      pattern: "/terminal/ws",
      handle: (context) => {
        const asked = readTerminalRequest(context.query);
        return upgradeTo(new Viewer((viewer) => table.attach(viewer, asked)), context);
      },
    },
  ];
}
