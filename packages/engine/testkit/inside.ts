import type { EngineSandbox } from "@dormouse/schema";

export interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a shell command in a sandbox through its own API. */
export async function runInside(sandbox: EngineSandbox, command: string, signal?: AbortSignal): Promise<Outcome> {
  const response = await fetch(`http://${sandbox.address}:8080/process`, {
    method: "POST",
    body: JSON.stringify({ command, waitForCompletion: true }),
    ...(signal === undefined ? {} : { signal }),
  });
  if (!response.ok) throw new Error(`sandbox-api answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as Outcome;
}
