import { expect, test } from "bun:test";
import { buildFailure, type FailedBuild } from "./build-failure.ts";

const failed = (tail: readonly string[], more: Partial<FailedBuild> = {}) =>
  buildFailure({ exitCode: 65, isOutOfMemory: false, memoryMiB: 4096, tail, ...more });

test("the step, its exit code and its last words are told, without what buildah says around them", () => {
  const { message, hint } = failed([
    "[1/2] STEP 2/3: RUN before",
    "before",
    "[1/2] STEP 3/3: RUN npm ci",
    "one",
    "two",
    "three",
    "npm ERR! four",
    "subprocess exited with status 7",
    'Error: building at STEP "RUN npm ci": while running runtime: exit status 7',
  ]);
  expect(message).toBe(
    'Cannot build the image: step 3/3 of stage 1/2, "RUN npm ci", exited with 7: two; three; npm ERR! four',
  );
  expect(hint).toBe("The build's log shows all of it");
});

test.each<readonly [string, readonly string[], Partial<FailedBuild>, string]>([
  ["memory", ["STEP 2/2: RUN big", "Killed"], { isOutOfMemory: true }, 'step 2/2, "RUN big", ran out of memory'],
  ["disk", ["STEP 2/2: RUN dd", "dd: x: No space left on device"], {}, 'step 2/2, "RUN dd", left no space on the'],
  ["loading", ["Loading"], { exitCode: 64 }, "taking in an image it builds on failed: exit code 64"],
  ["writing", ["STEP 2/2: RUN true", "Error: pushing"], { exitCode: 66 }, "writing it out failed: pushing"],
  ["syntax", ["Error: dockerfile parse error line 3"], {}, "its Dockerfile failed: dockerfile parse error line 3"],
  ["the box itself", ["crun: no such thing"], { exitCode: 1 }, "its Dockerfile failed: exit code 1"],
])("a failure of %s is told as such", (_title, tail, more, sentence) => {
  expect(failed(tail, more).message).toContain(`Cannot build the image: ${sentence}`);
});

test("who may have asked for a private address is told that it is closed", () => {
  const { hint } = failed(["STEP 2/2: RUN curl 10.0.0.1", "curl: (7) Failed to connect: Connection refused"]);
  expect(hint).toContain("public addresses alone");
});
