/** Answer of `POST /upgrade`: it says what is tried, `GET /health` what came of it. */
export interface UpgradeStarted {
  readonly message: string;
  /** As asked. The version that runs afterwards is whatever the platform has put in place. */
  readonly version: string;
  readonly baseUrl: string;
}

/** How the last upgrade went, as `GET /health` tells it. */
export interface UpgradeStatus {
  readonly status: "idle" | "running" | "completed" | "failed";
  readonly step: "none" | "starting" | "validate" | "replace" | "completed";
  /** That the new executable says it has; empty as long as it has not been asked. */
  readonly version: string;
  /** ISO 8601. */
  readonly lastAttempt?: string;
  readonly error?: string;
  readonly binaryPath?: string;
}
