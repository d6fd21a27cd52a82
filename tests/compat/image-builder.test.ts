import { afterAll, beforeAll, expect, test } from "bun:test";
import { startRegistryWith } from "../support/registry.ts";
import { useDormouse } from "../support/suite.ts";
import { type Report, runProgram } from "./run-program.ts";

/* ImageInstance of the unmodified @blaxel/core under Node, from the first line to sandboxes of what it has built. */
const registry = await startRegistryWith("library/busybox:1.36");
const suite = useDormouse({ DORMOUSE_REGISTRIES: `docker.io=${registry.url}` });
const BUILDS_MAX_MS = 300_000;
let seen: Report = {};

beforeAll(async () => {
  seen = await runProgram("image-builder", { env: { ...suite.dormouse.env, BASE_IMAGE: "busybox:1.36" } });
}, BUILDS_MAX_MS);

afterAll(() => registry[Symbol.asyncDispose]());

const BASE = `FROM python:3.11-slim
RUN apt-get update && apt-get install -y --no-install-recommends git curl && rm -rf /var/lib/apt/lists/*
WORKDIR /app
`;

test("F110 F112 F116 the Dockerfile of a chain is what its documentation says, without building anything", () => {
  expect(seen["documented"]).toBe(`FROM python:3.11-slim
RUN apt-get update && apt-get install -y --no-install-recommends git && rm -rf /var/lib/apt/lists/*
WORKDIR /app
RUN pip install requests
`);
});

test("F112 each package manager has a line of its own", () => {
  expect(seen["helpers"]).toEqual([
    "RUN apt-get update && apt-get install -y --no-install-recommends git && rm -rf /var/lib/apt/lists/*",
    "RUN apk add --no-cache git",
    "RUN pip install requests",
    "RUN uv pip install --system requests",
    "RUN pipx install black",
    "RUN npm install -g typescript",
    "RUN pnpm add vite",
    "RUN gem install --no-document rails",
    "RUN cargo install --locked ripgrep",
    "RUN go install golang.org/x/tools/gopls@latest",
    "RUN composer require monolog/monolog",
    "COPY here there",
    "USER app",
  ]);
});

test("F111 each call leaves what it was called on as it is, so that bases branch", () => {
  expect(seen["branches"]).toEqual([
    BASE,
    `${BASE}RUN pip install torch\nENV CUDA_VISIBLE_DEVICES="0"\n`,
    `${BASE}RUN pip install fastapi\nEXPOSE 8000\nENTRYPOINT ["python", "-m", "uvicorn", "main:app"]\n`,
  ]);
  expect(seen["hashes"]).toBe(3);
});

test("F117 F118 an image is written to a folder of one's own or a temporary one, and has a hash and a base", () => {
  const files = ["Dockerfile", "manifest.json", "renamed.txt"];
  expect(seen).toMatchObject({
    written: files,
    temporary: files,
    manifest: { base_image: "python:3.11-slim", instructions_count: 4, local_files_count: 1 },
    hash: expect.stringMatching(/^[0-9a-f]{12}$/),
    baseImage: "python:3.11-slim",
  });
});

test("F085 F114 F115 build() tells each status and resolves with the sandbox, which has the API it did not ask for", () => {
  expect(seen["built"]).toEqual({
    statuses: ["BUILDING", "DEPLOYING", "DEPLOYED"],
    image: expect.stringMatching(/^sandbox\/plain:\w+$/),
    labels: { "x-blaxel-auto-generated": "true" },
    status: "DEPLOYED",
  });
});

test("F113 local files and folders, variables and the working directory are in the sandbox", () => {
  expect(seen["content"]).toBe("from a local file\nfrom a local folder\nmade\nmore\ngreen\n/app\n");
});

test("F075 F115 an entrypoint of one's own runs beside the API", () => {
  expect(seen["startedContent"]).toBe("started\n");
});

test("F009 a name that was built is built again: every status is told, and the sandbox is the new one", () => {
  expect(seen["again"]).toMatchObject({ statuses: ["BUILDING", "DEPLOYING", "DEPLOYED"], status: "DEPLOYED" });
  expect(seen["againContent"]).toBe("again\nmade\nmore\n");
});

test("F009 F114 a build that fails makes build() throw", () => {
  expect(seen["failed"]).toMatchObject({ message: expect.stringContaining("Deployment failed") });
});

test("F070 further sandboxes come from what was built, by its tag and by name", () => {
  expect(seen).toMatchObject({ further: "again\n", latest: "again\n" });
});
