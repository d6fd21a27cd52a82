import {
  SECRET_MASK,
  type SandboxAnswer,
  type SandboxEnv,
  type SandboxFailure,
  type SandboxStatus,
} from "@dormouse/schema";
import type { SandboxRecord } from "@dormouse/store";
import { SHOWING_BUILD } from "../builds/shown-status.ts";
import { sandboxUrl } from "../urls.ts";
import type { SandboxContext } from "./context.ts";
import { expiryOf } from "./expiry.ts";

export interface SandboxView {
  /** What its URL starts with. */
  readonly baseUrl: string;
  /** Secret values are masked unless an administrator asked for them. */
  readonly showSecrets?: boolean;
  /** The answer is for one who waits for a status to come. */
  readonly isPolled?: boolean;
}

/** A sandbox as clients see it. */
export function renderSandbox(
  context: SandboxContext,
  sandbox: SandboxRecord,
  { baseUrl, showSecrets = false, isPolled = false }: SandboxView,
): SandboxAnswer {
  const { displayName, externalId, spec, createdBy, updatedBy } = sandbox;
  const status = statusOf(context, sandbox, isPolled);
  const errors = [...sandbox.errors, ...failuresOfBuild(context, sandbox)];
  const lastUsedAtMs = Math.min(context.lastUse.atMs(sandbox), context.clock());
  const expiresIn = expiresInSeconds(context, sandbox, lastUsedAtMs);
  return {
    metadata: {
      name: sandbox.name,
      ...(displayName !== undefined && { displayName }),
      ...(externalId !== undefined && { externalId }),
      labels: { ...sandbox.labels },
      workspace: sandbox.workspace,
      url: sandboxUrl(context.settings, baseUrl, sandbox),
      createdAt: toIso(sandbox.createdAtMs),
      updatedAt: toIso(sandbox.updatedAtMs),
      ...(createdBy !== undefined && { createdBy }),
      ...(updatedBy !== undefined && { updatedBy }),
    },
    spec: showSecrets ? spec : { ...spec, runtime: { ...spec.runtime, envs: spec.runtime.envs?.map(maskSecret) } },
    status,
    ...(sandbox.status === "DEPLOYED" && {
      state: context.life.state(sandbox.id) === "asleep" ? "STANDBY" : "RUNNING",
    }),
    lastUsedAt: toIso(lastUsedAtMs),
    ...(expiresIn !== undefined && { expiresIn }),
    events: [...sandbox.events],
    ...(errors.length > 0 && { errors }),
  };
}

/** A sandbox that serves while it is built anew, or after that failed, has the status of its build. */
function statusOf({ builds }: SandboxContext, { id, status }: SandboxRecord, isPolled: boolean): SandboxStatus {
  if (!SHOWING_BUILD.includes(status)) return status;
  return (isPolled ? builds.polledStatusOf(id) : builds.statusOf(id)) ?? status;
}

/** Of a failed build that left the sandbox as it was. */
function failuresOfBuild({ builds }: SandboxContext, { id, status }: SandboxRecord): SandboxFailure[] {
  const { failure, endedAtMs } = builds.ofSandbox(id) ?? {};
  if (status !== "DEPLOYED" || failure === undefined) return [];
  return [{ ...failure, instance: id, time: toIso(endedAtMs ?? 0), fatal: false }];
}

/** Whole seconds left, rounded up; none for what will not expire, or has. */
function expiresInSeconds({ clock }: SandboxContext, sandbox: SandboxRecord, lastUsedAtMs: number): number | undefined {
  const expiry = sandbox.status === "TERMINATED" ? undefined : expiryOf(sandbox, lastUsedAtMs);
  return expiry && Math.max(0, Math.ceil((expiry.atMs - clock()) / 1000));
}

function maskSecret(env: SandboxEnv): SandboxEnv {
  return env.secret === true ? { ...env, value: SECRET_MASK } : env;
}

function toIso(atMs: number): string {
  return new Date(atMs).toISOString();
}
