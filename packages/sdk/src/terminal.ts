import type { Client } from "./client.ts";

export interface TerminalOptions {
  readonly cols: number;
  readonly rows: number;
  /** Viewers of the same session see the same shell. */
  readonly sessionId?: string;
  readonly shell?: string;
  readonly workingDir?: string;
}

/** The address of a shell's WebSocket; it holds the caller's credential, so it is a secret. */
export async function terminalUrl(client: Client, sandboxUrl: string, options: TerminalOptions): Promise<string> {
  const url = new URL(`${sandboxUrl}/terminal/ws`);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  const token = await client.credential?.bearer();
  for (const [name, value] of Object.entries({ ...options, token })) {
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  return url.toString();
}
