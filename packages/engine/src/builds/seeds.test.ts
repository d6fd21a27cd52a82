import { beforeAll, expect, test } from "bun:test";
import type { EngineSandbox } from "@dormouse/schema";
import { newSpec, pushNodeImages, runInside, useBuilds } from "../../testkit/index.ts";

/* The Dockerfile of the tutorial on templates, on a base image from a registry on loopback; packages come from Debian. */

const suite = useBuilds();
const BUILD_TIMEOUT_MS = 900_000;

beforeAll(() => pushNodeImages(suite.registry, suite.engine.data.dir), 300_000);

const ALPINE_DOCKERFILE = `# Choose a base image
FROM node:22-alpine

# Set working directory
WORKDIR /app

# Copy sandbox API (required)
COPY --from=ghcr.io/blaxel-ai/sandbox:latest /sandbox-api /usr/local/bin/sandbox-api

# Install system dependencies
RUN apk update && apk add --no-cache \\
  git curl python3 make g++ netcat-openbsd \\
  && rm -rf /var/cache/apk/*

# Copy and set up entrypoint
COPY entrypoint.sh /entrypoint.sh
RUN chmod +x /entrypoint.sh

ENTRYPOINT ["/entrypoint.sh"]
`;

const ALPINE_ENTRYPOINT = `#!/bin/sh
# Set environment variables
export PATH="/usr/local/bin:$PATH"
# Start sandbox-api in the background
/usr/local/bin/sandbox-api &
# Wait for sandbox API to be ready
while ! nc -z 127.0.0.1 8080; do
  sleep 0.1
done
curl http://127.0.0.1:8080/process -X POST -d '{"name":"workload","command":"sleep 1000","workingDir":"/app"}' -H "Content-Type: application/json"
wait
`;

async function withSandbox(image: string, use: (sandbox: EngineSandbox) => Promise<void>): Promise<void> {
  const sandbox = await suite.engine.port.create(newSpec({ image, memoryMiB: 2048, cpuCount: 2 }));
  try {
    await use(sandbox);
  } finally {
    await suite.engine.port.remove(sandbox.id);
  }
}

test(
  "F073 F074 F075 the tutorial's image from node:22-alpine is built, and its entrypoint's workload shows in the API",
  async () => {
    const { id, state } = await suite.build({ Dockerfile: ALPINE_DOCKERFILE, "entrypoint.sh": ALPINE_ENTRYPOINT });
    expect(state.failure?.message).toBeUndefined();
    await withSandbox(`@${id}`, async (sandbox) => {
      const look =
        "until curl -fs http://127.0.0.1:8080/process/workload; do sleep 0.1; done; pwd; command -v g++ git node";
      const { stdout } = await runInside(sandbox, look);
      expect(stdout).toContain('"status":"running"');
      expect(stdout).toEndWith("/app\n/usr/bin/g++\n/usr/bin/git\n/usr/local/bin/node\n");
    });
  },
  BUILD_TIMEOUT_MS,
);
