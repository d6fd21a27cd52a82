import type { EngineSandboxSpec, EngineVolumeMount } from "@dormouse/schema";
import type { SandboxRecord } from "@dormouse/store";
import { engineImageOf } from "../images/sandbox-image.ts";

/** Blaxel's rule: one core for every 2048 MB, one at least. */
const MB_PER_CORE = 2048;

/**
 * What the engine is asked to start. `PORT` is left to the image and the user, and `BL_REGION` is never set: it would send the
 * stock SDK inside the sandbox to a foreign edge.
 */
export function toEngineSpec(
  sandbox: SandboxRecord,
  machineCpuCount: number,
  volumes: EngineVolumeMount[],
): EngineSandboxSpec {
  const { memory, envs = [] } = sandbox.spec.runtime;
  return {
    id: sandbox.id,
    hostname: sandbox.name,
    image: engineImageOf(sandbox),
    memoryMiB: memory,
    cpuCount: Math.min(machineCpuCount, Math.max(1, memory / MB_PER_CORE)),
    env: {
      HOST: "0.0.0.0",
      ...Object.fromEntries(envs.map(({ name, value }) => [name, value])),
      BL_NAME: sandbox.name,
      BL_WORKSPACE: sandbox.workspace,
      BL_WORKSPACE_ID: sandbox.workspace,
      BL_ENV: "prod",
      BL_TYPE: "sandbox",
      BL_CLOUD: "true",
    },
    volumes,
  };
}
