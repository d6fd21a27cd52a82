import type { AgentHealth } from "@dormouse/schema";

const PROBE_TIMEOUT_MS = 2000;

/** True when an agent answers on this port already. */
export async function isAgentRunning(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/health`, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    const health = (await response.json()) as Partial<AgentHealth>;
    return response.ok && health.status === "ok";
  } catch {
    return false;
  }
}
