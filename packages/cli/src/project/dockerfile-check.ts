import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const SANDBOX_API_IMAGE = "ghcr.io/blaxel-ai/sandbox";

const DOCKERFILE_SAMPLE = `FROM debian:bookworm-slim
WORKDIR /app
COPY --from=ghcr.io/blaxel-ai/sandbox:latest /sandbox-api /usr/local/bin/sandbox-api
ENTRYPOINT ["/usr/local/bin/sandbox-api"]`;

export type DockerfileFinding =
  | { readonly kind: "missing"; readonly text: string }
  | { readonly kind: "no-sandbox-api"; readonly text: string };

/** What is worth a warning before the Dockerfile of a sandbox in `directory` is built. */
export function checkDockerfile(directory: string): DockerfileFinding | undefined {
  const path = join(directory, "Dockerfile");
  if (!existsSync(path)) {
    const text = `There is no Dockerfile in ${directory}: the build needs one of exactly this name, such as\n\n${DOCKERFILE_SAMPLE}\n`;
    return { kind: "missing", text };
  }
  if (providesSandboxApi(readFileSync(path, "utf8"))) return undefined;
  return {
    kind: "no-sandbox-api",
    text: "The Dockerfile does not copy sandbox-api: Dormouse brings it into every image, other platforms need the COPY line",
  };
}

interface Stage {
  readonly image: string;
  readonly alias: string | undefined;
}

/** True when the last stage is the image of the sandbox API, or comes from it, or anything is copied from such a stage. */
export function providesSandboxApi(dockerfile: string): boolean {
  const lines = joinedLines(dockerfile);
  const stages = lines.flatMap(stageOf);
  const isSandboxApi = (reference: string): boolean => {
    if (reference.startsWith(SANDBOX_API_IMAGE)) return true;
    const index = stages.findIndex(({ alias }, index) => alias === reference || String(index) === reference);
    const stage = stages[index];
    return stage !== undefined && stage.image !== reference && isSandboxApi(stage.image);
  };
  const last = stages.at(-1);
  if (last !== undefined && isSandboxApi(last.image)) return true;
  return lines.some((line) => {
    const source = /^COPY\s+(?:--\S+\s+)*?--from=(\S+)/i.exec(line)?.[1];
    return source !== undefined && isSandboxApi(source);
  });
}

function stageOf(line: string): Stage[] {
  const [, image, alias] = /^FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?/i.exec(line) ?? [];
  return image === undefined ? [] : [{ image, alias }];
}

/** Instructions, each on one line, without comments. */
function joinedLines(dockerfile: string): string[] {
  return dockerfile
    .split("\n")
    .filter((line) => !/^\s*#/.test(line))
    .join("\n")
    .replace(/\\\s*\n/g, " ")
    .split("\n")
    .map((line) => line.trim());
}
