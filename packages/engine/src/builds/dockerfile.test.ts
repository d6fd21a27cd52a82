import { AppError } from "@dormouse/kernel";
import { expect, test } from "bun:test";
import { parseDockerfile, renderDockerfile } from "./dockerfile.ts";

const render = (text: string, buildArgs = {}): string =>
  renderDockerfile(parseDockerfile(text, buildArgs), (image) => `<${image}>`);

test("images are found in FROM, COPY --from and RUN --mount, stages and scratch are not images", () => {
  const text = `# syntax=docker/dockerfile:1
FROM node:22-alpine AS Build
COPY --from=ghcr.io/blaxel-ai/sandbox:latest /sandbox-api /usr/local/bin/sandbox-api
RUN --mount=type=bind,from=alpine:3,source=/etc,target=/mnt --mount=type=cache,target=/c cp /mnt/* /x --from=no
FROM scratch
COPY --chown=1:1 --from=build /a /a
COPY --from=0 /b /b
FROM build
COPY --from=1 /c /c
`;
  expect(parseDockerfile(text, {}).images).toEqual(["node:22-alpine", "ghcr.io/blaxel-ai/sandbox:latest", "alpine:3"]);
  expect(render(text)).toBe(`# escape=\\
FROM <node:22-alpine> AS Build
COPY --from=<ghcr.io/blaxel-ai/sandbox:latest> /sandbox-api /usr/local/bin/sandbox-api
RUN --mount=type=bind,from=<alpine:3>,source=/etc,target=/mnt --mount=type=cache,target=/c cp /mnt/* /x --from=no
FROM scratch
COPY --chown=1:1 --from=build /a /a
COPY --from=0 /b /b
FROM build
COPY --from=1 /c /c
`);
});

test.each([
  ["FROM node:$V", {}, "node:22"],
  ["FROM node:$V", { V: "20" }, "node:20"],
  ["FROM node:${V}-slim", {}, "node:22-slim"],
  ["FROM ${NONE:-debian}:12", {}, "debian:12"],
  ["FROM ${V:+with}-${NONE:+without}x", {}, "with-x"],
  ['FROM "node:$W"', { V: "1" }, "node:1.x"],
  ["FROM --platform=$BUILDPLATFORM node:1", {}, "node:1"],
  ["FROM --platform=linux/amd64 node:1", {}, "node:1"],
])("%s with %p builds on %s", (from, buildArgs, image) => {
  const text = `ARG V=22\nARG W="\${V}.x"\nARG NONE\n${from}\nARG V\nRUN true\n`;
  expect(parseDockerfile(text, buildArgs).images).toEqual([image]);
});

test("continuation lines are joined, comments and empty lines between them are left out", () => {
  const text = "FROM a\nRUN one \\\n  # a comment\n\n  two \\  \n three # not one\n# end";
  expect(render(text)).toBe("# escape=\\\nFROM <a>\nRUN one   two  three # not one\n");
  expect(render("# escape=`\nFROM a\nRUN dir C:\\ `\n && b")).toBe("# escape=`\nFROM <a>\nRUN dir C:\\  && b\n");
});

test("here-documents of RUN become the exec form", () => {
  const text = `FROM a
RUN --network=none <<EOF
set -e
echo "$HOME" \\
  # kept
EOF
RUN cat <<-'A' > /x && cat <<B > /y
\tone
A
two
B
SHELL ["/bin/bash", "-euc"]
RUN <<EOF
echo $((1 << 2)) <<< x
EOF
RUN echo $((1<<FOO))
`;
  const [, , script, command, , shell, plain] = render(text).split("\n");
  expect(script).toBe(`RUN --network=none ${JSON.stringify(["/bin/sh", "-c", 'set -e\necho "$HOME" \\\n  # kept\n'])}`);
  expect(command).toBe(`RUN ${JSON.stringify(["/bin/sh", "-c", "cat <<-'A' > /x && cat <<B > /y\none\nA\ntwo\nB"])}`);
  expect(shell).toBe(`RUN ${JSON.stringify(["/bin/bash", "-euc", "echo $((1 << 2)) <<< x\n"])}`);
  expect(plain).toBe("RUN echo $((1<<FOO))");
});

test.each([
  ["", "line 1 of its Dockerfile has no FROM"],
  ["# only\n\nARG A=1\n", "has no FROM"],
  ["FROM a\nFRM b\n", 'line 2 of its Dockerfile has no instruction: "FRM"'],
  ["RUN true\nFROM a\n", "line 1 of its Dockerfile has RUN before the first FROM"],
  ["FROM a b c\n", 'line 1 of its Dockerfile is no FROM: "a b c"'],
  ["FROM $NOTHING\n", 'names no image: "$NOTHING" is empty'],
  ["FROM --platform=linux/s390x a\n", 'asks for platform "linux/s390x"'],
  ["FROM a\nRUN <<EOF\ntrue\n", 'line 2 of its Dockerfile opens "<<EOF", which nothing closes'],
  ["FROM a\nCOPY <<EOF /x\nEOF\n", "has a here-document in COPY"],
  ["# escape=x\nFROM a\n", 'sets the escape character to "x"'],
])("%p is refused", (text, sentence) => {
  let thrown: unknown;
  try {
    parseDockerfile(text, {});
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(AppError);
  expect((thrown as AppError).message).toContain(sentence);
});
