import { AppError } from "@dormouse/kernel";
import {
  ImageRuntime,
  SECRET_MASK,
  type SandboxBuildRequest,
  type SandboxEnv,
  type SandboxSpec,
} from "@dormouse/schema";
import { parse } from "smol-toml";
import { z } from "zod";

const BlaxelToml = z.object({
  runtime: z.object({ memory: z.unknown(), ports: z.unknown() }).partial().default({}),
  env: z.record(z.string(), z.union([z.string(), z.number(), z.bigint(), z.boolean()]).transform(String)).default({}),
});

/** What `blaxel.toml` says of sandboxes of its image. @throws {AppError} INVALID_ARGUMENT with the line or the key that is wrong */
export function runtimeIn(blaxelToml: string | undefined): ImageRuntime {
  if (blaxelToml === undefined) return {};
  try {
    const { runtime, env } = BlaxelToml.parse(parse(blaxelToml));
    const envs = Object.entries(env).map(([name, value]) => ({ name, value }));
    return ImageRuntime.parse({ ...runtime, ...(envs.length > 0 && { envs }) });
  } catch (cause) {
    throw new AppError("INVALID_ARGUMENT", `Cannot read blaxel.toml: ${stateOf(cause)}`, { cause });
  }
}

function stateOf(cause: unknown): string {
  if (cause instanceof z.ZodError) {
    const [issue] = cause.issues;
    return `"${issue?.path.join(".") ?? ""}": ${issue?.message ?? "it is invalid"}`;
  }
  const [line] = (cause as Error).message.split("\n");
  return line ?? "it is not valid TOML";
}

/** What a request says of these parts of a sandbox, and nothing that it leaves out. */
export function runtimeAskedFor({ spec: { runtime } }: SandboxBuildRequest): ImageRuntime {
  const { memory, ports, envs } = runtime;
  return {
    ...(typeof memory === "number" && { memory }),
    ...(ports !== undefined && { ports }),
    ...(envs !== undefined && { envs }),
  };
}

/** What a request asks for, over what the image brings along; what neither names stays. */
export function withRuntime(spec: SandboxSpec, brought: ImageRuntime, asked: ImageRuntime): SandboxSpec {
  const { runtime } = spec;
  const envs = joinEnvs(brought.envs, asked.envs?.map(unmasked(runtime.envs ?? [])));
  return {
    ...spec,
    runtime: {
      ...runtime,
      memory: asked.memory ?? brought.memory ?? runtime.memory,
      ports: asked.ports ?? brought.ports ?? runtime.ports,
      envs: envs ?? runtime.envs,
    },
  };
}

function joinEnvs(
  brought: readonly SandboxEnv[] | undefined,
  asked: readonly SandboxEnv[] | undefined,
): SandboxEnv[] | undefined {
  if (brought === undefined && asked === undefined) return undefined;
  return [...new Map([...(brought ?? []), ...(asked ?? [])].map((env) => [env.name, env])).values()];
}

/** A masked value stands for the one we have. */
const unmasked =
  (current: readonly SandboxEnv[]) =>
  (env: SandboxEnv): SandboxEnv =>
    env.value === SECRET_MASK ? (current.find(({ name }) => name === env.name) ?? env) : env;
