import { randomId } from "@dormouse/kernel";
import { type Client, deleteSandbox, sandboxUrl } from "@dormouse/sdk";
import type { SandboxAnswer } from "@dormouse/schema";
import type { Context } from "../context.ts";
import { untilInterrupted } from "../project/interrupt.ts";
import { loadProject, type Project, type ProjectOptions } from "../project/load-project.ts";
import { serveUntil } from "./forward.ts";
import { API_PORT, parsePortPair, type PortPair } from "./ports.ts";

export interface RunLocalOptions extends ProjectOptions {
  /** What to run instead of the project's own image. */
  readonly image?: string;
}

/** A sandbox that nobody ended, as after a crash, goes by itself. */
const LEFT_ALONE = "24h";
/** Names of sandboxes have 49 characters at most. */
const NAME_MAX_LENGTH = 40;

/** Runs the image of a project in a sandbox that lives as long as the command, its ports on this machine. */
export async function runLocal(context: Context, ports: readonly string[], options: RunLocalOptions): Promise<void> {
  const project = loadProject(context, options);
  const pairs = ports.length === 0 ? portsOf(project) : ports.map(parsePortPair);
  const image = options.image ?? project.file.image ?? `sandbox/${project.name}:latest`;
  context.say.info(`Starting a sandbox from ${image}...`);
  await untilInterrupted(context.io, async (signal) => {
    const sandbox = await createSandbox(context.client, project, image);
    try {
      await serveUntil(context, { url: sandboxUrl(context.client, sandbox), pairs, signal });
    } finally {
      await deleteSandbox(context.client, sandbox.metadata.name);
      context.say.success(`Sandbox ${sandbox.metadata.name} deleted`);
    }
  });
}

/** The API and what the project exposes, under the same numbers here. */
const portsOf = ({ file }: Project): PortPair[] =>
  [API_PORT, ...(file.runtime.ports ?? []).map(({ target }) => target)].map((port) => ({ localPort: port, port }));

async function createSandbox(client: Client, project: Project, image: string): Promise<SandboxAnswer> {
  const { name, file, env } = project;
  const { memory, ports } = file.runtime;
  const body = {
    metadata: { name: `${name.slice(0, NAME_MAX_LENGTH)}-${randomId(6)}` },
    spec: {
      runtime: { image, memory, ports, envs: Object.entries(env).map(([name, value]) => ({ name, value })) },
      lifecycle: { expirationPolicies: [{ type: "ttl-idle", value: LEFT_ALONE, action: "delete" }] },
    },
  };
  return await client.request<SandboxAnswer>("POST", "/sandboxes", { body });
}
