import { SandboxInstance } from "@blaxel/core";

/** The sandbox of this name; made with a Next.js app in `/blaxel/app` when there is none. */
export function createOrGetSandbox(name: string): Promise<SandboxInstance> {
  return SandboxInstance.createIfNotExists({
    name,
    image: "blaxel/nextjs:latest",
    memory: 4096,
    ports: [{ name: "app", target: 3000, protocol: "HTTP" }],
  });
}
