import { expect, test } from "bun:test";
import { useBuilds } from "../../testkit/index.ts";

const suite = useBuilds({ builds: { timeoutMs: 5000 } });

test("a build that takes too long ends", async () => {
  const { state, log } = await suite.build({ Dockerfile: "FROM busybox\nRUN echo waiting; sleep 3155\n" });
  expect(state.failure).toMatchObject({
    code: "BUILD_TIMEOUT",
    message: expect.stringContaining("after 5 s") as string,
  });
  expect(log).toContain("waiting");
  expect((await suite.engine.traces()).filter((trace) => /loop|build-|process/.test(trace))).toEqual([]);
});
