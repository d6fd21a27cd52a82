import type { AgentHealth, UpgradeStatus } from "@dormouse/schema";
import { json } from "./http.ts";

export interface BuildInfo {
  readonly version: string;
  readonly gitCommit: string;
  readonly buildTime: string;
}

/** What an agent says of having been replaced. */
export interface UpgradeReport {
  /** How often. */
  readonly count: number;
  readonly status: UpgradeStatus;
}

/** Handler of `GET /health`; its uptime counts from this call. */
export function createHealthHandler(build: BuildInfo, upgrade: UpgradeReport): () => Response {
  const startedAtMs = Date.now();
  return () => {
    const uptimeSeconds = (Date.now() - startedAtMs) / 1000;
    const health: AgentHealth = {
      status: "ok",
      ...build,
      goVersion: `bun${Bun.version}`,
      os: process.platform,
      arch: process.arch === "x64" ? "amd64" : process.arch,
      uptime: formatUptime(uptimeSeconds),
      uptimeSeconds,
      upgradeCount: upgrade.count,
      startedAt: new Date(startedAtMs).toISOString(),
      lastUpgrade: upgrade.status,
    };
    return json(health);
  };
}

/** Handler of `/`, whatever the method. */
export function welcome(): Response {
  return json({
    message: "Welcome to your Blaxel Sandbox",
    documentation: "https://docs.blaxel.ai/Sandboxes/Overview",
    description: "This sandbox provides a full-featured environment for running code securely",
  });
}

/** `1h30m0s`, dropping leading zero units. */
export function formatUptime(uptimeSeconds: number): string {
  const total = Math.floor(uptimeSeconds);
  const [hours, minutes, seconds] = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
  if (hours > 0) return `${hours}h${minutes}m${seconds}s`;
  return minutes > 0 ? `${minutes}m${seconds}s` : `${seconds}s`;
}
