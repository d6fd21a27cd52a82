import { beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { EngineSandbox } from "@dormouse/schema";
import { newSpec, pushNodeImages, runInside, useBuilds } from "../../testkit/index.ts";

/*
 * The Dockerfiles of the two tutorials, on base images from a registry on loopback. Packages come from Debian and npm, through the
 * network a build has.
 */

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

/** The tutorial's, but for the line whose installer is on a host of its own: here npm has code-server (`images/code-server`). */
const CODE_SERVER_DOCKERFILE = `FROM node:23-slim
RUN apt-get update && apt-get install -y \\
  curl \\
  wget \\
  procps \\
  jq \\
  sed \\
  grep \\
  nano \\
  vim \\
  git \\
  sudo \\
  python3 \\
  zip \\
  tree \\
  unzip \\
  ca-certificates \\
  && apt-get clean && rm -rf /var/lib/apt/lists/*

WORKDIR /home/user

RUN update-ca-certificates

RUN npm i -g typescript ts-node @types/node dotenv webpack webpack-cli

# Install code-server
RUN npm install --global --ignore-scripts code-server@4.139.1 \\
  && cd /usr/local/lib/node_modules/code-server/lib/vscode && npm install --omit=dev --ignore-scripts

# Create /blaxel directory and Next.js app for testing
RUN mkdir -p /blaxel && \\
  npx create-next-app@latest /blaxel/app --use-npm --typescript --eslint --tailwind --src-dir --app --import-alias "@/*" --no-git --yes --no-turbopack

# Copy sandbox-api
COPY --from=ghcr.io/blaxel-ai/sandbox:latest /sandbox-api /usr/local/bin/sandbox-api

# Copy entrypoint script
COPY entrypoint.sh /home/user/entrypoint.sh
RUN chmod +x /home/user/entrypoint.sh

ENTRYPOINT ["/home/user/entrypoint.sh"]
`;

const CODE_SERVER_ENTRYPOINT = readFileSync(
  join(import.meta.dir, "../../../../images/code-server/entrypoint.sh"),
  "utf8",
);

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

test(
  "F074 the tutorial's code-server image from node:23-slim is built, and serves code-server",
  async () => {
    const files = { Dockerfile: CODE_SERVER_DOCKERFILE, "entrypoint.sh": CODE_SERVER_ENTRYPOINT };
    const { id, state } = await suite.build(files);
    expect(state.failure?.message).toBeUndefined();
    await withSandbox(`@${id}`, async (sandbox) => {
      const { stdout } = await runInside(
        sandbox,
        "until curl -fs http://127.0.0.1:8081/healthz; do sleep 0.5; done; ls /blaxel/app",
      );
      expect(stdout).toContain('"status"');
      expect(stdout).toContain("package.json");
    });
  },
  BUILD_TIMEOUT_MS,
);
