import { type Client, path } from "@dormouse/sdk";
import type { Project } from "./load-project.ts";
import { uploadUrlOf } from "./upload.ts";

export function templateBody({ name, file }: Project): unknown {
  const { defaultSize, description } = file;
  return {
    apiVersion: "blaxel.ai/v1alpha1",
    kind: "VolumeTemplate",
    metadata: { name },
    spec: { ...(defaultSize !== undefined && { defaultSize }), ...(description !== undefined && { description }) },
  };
}

/** Creates or changes a volume template, and gives the address for its next version. */
export async function saveTemplate(client: Client, project: Project, signal: AbortSignal): Promise<string> {
  const options = { query: { upload: true }, body: templateBody(project), signal };
  return uploadUrlOf((await client.exchange("PUT", path`/volume_templates/${project.name}`, options)).headers);
}
