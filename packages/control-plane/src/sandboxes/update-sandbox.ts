import { AppError } from "@dormouse/kernel";
import { SECRET_MASK, type SandboxEnv, type SandboxUpdateRequest } from "@dormouse/schema";
import type { SandboxRecord } from "@dormouse/store";
import type { ControlPlaneDeps } from "../ports.ts";
import { assertAvailable } from "./availability.ts";

/**
 * Changes what can change while a sandbox runs; it is never restarted. What the request leaves out stays, `null` clears.
 * @throws {AppError} INVALID_ARGUMENT for a change of image, memory or environment, SANDBOX_STATE_CONFLICT
 */
export async function updateSandbox(
  { store, clock }: ControlPlaneDeps,
  sandbox: SandboxRecord,
  { metadata, spec }: SandboxUpdateRequest,
): Promise<SandboxRecord> {
  assertAvailable(spec);
  assertSameRuntime(sandbox, spec.runtime);
  const { runtime } = sandbox.spec;
  const changed = await store.sandboxes.change(sandbox.id, sandbox.status, {
    displayName: patch(sandbox.displayName, metadata.displayName),
    externalId: patch(sandbox.externalId, metadata.externalId),
    labels: patch(sandbox.labels, metadata.labels) ?? {},
    spec: {
      ...sandbox.spec,
      runtime: {
        ...runtime,
        ttl: patch(runtime.ttl, spec.runtime.ttl),
        expires: patch(runtime.expires, spec.runtime.expires),
      },
      lifecycle: patch(sandbox.spec.lifecycle, spec.lifecycle),
    },
    updatedAtMs: clock(),
  });
  if (changed !== undefined) return changed;
  throw new AppError("SANDBOX_STATE_CONFLICT", `Cannot update sandbox "${sandbox.name}": its status has just changed`, {
    hint: "Read it again and repeat the update",
  });
}

function patch<T>(current: T, wanted: T | null | undefined): T | undefined {
  if (wanted === undefined) return current;
  return wanted ?? undefined;
}

function assertSameRuntime({ name, spec }: SandboxRecord, wanted: SandboxUpdateRequest["spec"]["runtime"]): void {
  const { image, memory, envs = [] } = spec.runtime;
  if (wanted.image !== undefined && wanted.image !== image) throw fixedAtCreation(name, "image");
  if (wanted.memory !== undefined && wanted.memory !== memory) throw fixedAtCreation(name, "memory");
  if (wanted.envs !== undefined && wanted.envs !== null && !isSameEnv(envs, wanted.envs)) {
    throw fixedAtCreation(name, "environment");
  }
}

/** A masked or absent value stands for the one we have. */
function isSameEnv(
  current: readonly SandboxEnv[],
  wanted: readonly { name: string; value?: string | undefined }[],
): boolean {
  if (current.length !== wanted.length) return false;
  return wanted.every(({ name, value }, index) => {
    const own = current[index];
    if (own === undefined || own.name !== name) return false;
    return value === undefined || value === own.value || (own.secret === true && value === SECRET_MASK);
  });
}

function fixedAtCreation(name: string, part: string): AppError {
  return new AppError("INVALID_ARGUMENT", `Cannot change the ${part} of sandbox "${name}": it is fixed at creation`, {
    hint: "Delete the sandbox and create it again",
  });
}
