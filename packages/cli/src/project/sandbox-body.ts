import { AppError } from "@dormouse/kernel";
import { ApiError, type Client, getSandbox } from "@dormouse/sdk";
import { hasImage, type Project } from "./load-project.ts";

export interface SandboxBodyOptions {
  readonly skipBuild?: boolean;
  readonly experimental?: boolean;
}

/** What `POST` and `PUT /sandboxes` get. */
export interface SandboxBody {
  readonly apiVersion: string;
  readonly kind: "Sandbox";
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly spec: Readonly<Record<string, unknown>>;
}

/** True when the deployment uploads source that the server builds. */
export const isBuild = (project: Project, { skipBuild }: SandboxBodyOptions): boolean =>
  !hasImage(project) && skipBuild !== true;

/** The sandbox a project describes. @throws {AppError} SANDBOX_NOT_FOUND when the image of an earlier build is wanted and there is none */
export async function sandboxBody(client: Client, project: Project, options: SandboxBodyOptions): Promise<SandboxBody> {
  const { name, file, env, dockerConfig } = project;
  const isBuilt = isBuild(project, options);
  const image = isBuilt ? undefined : (file.image ?? (await imageOfEarlier(client, name)));
  const runtime = defined({
    image,
    memory: file.runtime.memory,
    envs: Object.entries(env).map(([name, value]) => ({ name, value })),
    ports: file.runtime.ports,
    dockerConfig: isBuilt ? undefined : dockerConfig,
    skipBuild: options.skipBuild === true && image !== undefined ? "true" : undefined,
  });
  const labels = {
    ...(isBuilt && { "x-blaxel-auto-generated": "true" }),
    ...(options.experimental === true && { "x-blaxel-experimental": "true" }),
  };
  return {
    apiVersion: "blaxel.ai/v1alpha1",
    kind: "Sandbox",
    metadata: { name, labels },
    spec: defined({ runtime, region: file.region, volumes: file.volumes }),
  };
}

async function imageOfEarlier(client: Client, name: string): Promise<string> {
  try {
    return (await getSandbox(client, name)).spec.runtime.image;
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
    throw new AppError(
      "SANDBOX_NOT_FOUND",
      `Cannot deploy "${name}" without a build: there is no sandbox of this name yet`,
      {
        hint: "Please deploy with a build first",
      },
    );
  }
}

const defined = (fields: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
