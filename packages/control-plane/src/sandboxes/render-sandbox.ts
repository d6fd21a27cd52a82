import { SECRET_MASK, type SandboxAnswer, type SandboxEnv } from "@dormouse/schema";
import type { SandboxRecord } from "@dormouse/store";
import type { SandboxLife } from "../ports.ts";
import { sandboxUrl } from "../urls.ts";

/** A sandbox as clients see it: secret values masked. */
export function renderSandbox(sandbox: SandboxRecord, life: SandboxLife, baseUrl: string): SandboxAnswer {
  const { displayName, externalId, spec, status } = sandbox;
  const lastUsedAtMs = life.lastUsedAtMs(sandbox.id) ?? sandbox.createdAtMs;
  return {
    metadata: {
      name: sandbox.name,
      ...(displayName !== undefined && { displayName }),
      ...(externalId !== undefined && { externalId }),
      labels: { ...sandbox.labels },
      workspace: sandbox.workspace,
      url: sandboxUrl(baseUrl, sandbox),
      createdAt: toIso(sandbox.createdAtMs),
      updatedAt: toIso(sandbox.updatedAtMs),
    },
    spec: { ...spec, runtime: { ...spec.runtime, envs: spec.runtime.envs?.map(maskSecret) } },
    status,
    ...(status === "DEPLOYED" && { state: life.state(sandbox.id) === "asleep" ? "STANDBY" : "RUNNING" }),
    lastUsedAt: toIso(lastUsedAtMs),
    events: [...sandbox.events],
  };
}

function maskSecret(env: SandboxEnv): SandboxEnv {
  return env.secret === true ? { ...env, value: SECRET_MASK } : env;
}

function toIso(atMs: number): string {
  return new Date(atMs).toISOString();
}
