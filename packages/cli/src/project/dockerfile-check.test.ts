import { expect, test } from "bun:test";
import { tmpdir } from "node:os";
import { checkDockerfile, providesSandboxApi } from "./dockerfile-check.ts";

const COPY = "/sandbox-api /usr/local/bin/sandbox-api";

test.each([
  [`FROM node:22\nCOPY --from=ghcr.io/blaxel-ai/sandbox:latest ${COPY}`],
  [`FROM node:22\nCOPY --chmod=755 \\\n  --from=ghcr.io/blaxel-ai/sandbox ${COPY}`],
  [`FROM ghcr.io/blaxel-ai/sandbox:1 AS api\nFROM node:22\nCOPY --from=api ${COPY}`],
  [`from ghcr.io/blaxel-ai/sandbox:1\nfrom node:22\ncopy --from=0 ${COPY}`],
  ["FROM --platform=linux/amd64 ghcr.io/blaxel-ai/sandbox:latest AS base\nFROM base\nRUN true"],
])("%p provides the sandbox API", (dockerfile) => {
  expect(providesSandboxApi(dockerfile)).toBe(true);
});

test.each([
  ["FROM node:22\nCOPY . ."],
  [`FROM node:22\n# COPY --from=ghcr.io/blaxel-ai/sandbox:latest ${COPY}`],
  [`FROM ghcr.io/blaxel-ai/sandbox:1 AS api\nFROM node:22 AS build\nFROM node:22\nCOPY --from=build ${COPY}`],
  ["FROM base AS base\nRUN true"],
])("%p does not", (dockerfile) => {
  expect(providesSandboxApi(dockerfile)).toBe(false);
});

test("a folder without a Dockerfile is told what one looks like", () => {
  const finding = checkDockerfile(`${tmpdir()}/no-such-project`);
  expect(finding?.kind).toBe("missing");
  expect(finding?.text).toContain("COPY --from=ghcr.io/blaxel-ai/sandbox:latest");
});
