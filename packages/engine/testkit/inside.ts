import type { EnginePort, EngineSandbox } from "@dormouse/schema";

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

/** Ends every process of a sandbox, its init too, from inside; resolves when the engine sees it. */
export async function killAllIn(port: EnginePort, { id, address }: EngineSandbox): Promise<void> {
  await fetch(`http://${address}:8080/process`, {
    method: "POST",
    body: JSON.stringify({ command: "kill -9 1 $PPID; kill -TERM 1", waitForCompletion: true }),
  }).catch(() => undefined);
  while ((await port.get(id)).state !== "stopped") await Bun.sleep(5);
}
