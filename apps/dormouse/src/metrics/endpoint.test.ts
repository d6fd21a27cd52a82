import { expect, test } from "bun:test";
import { openMetricsPort } from "./endpoint.ts";

test("a metrics port another program uses is said, with what to do", async () => {
  await using taken = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response() });
  const { port = 0 } = taken;
  expect(() => openMetricsPort(port, () => Promise.resolve(""))).toThrow(
    `Cannot serve metrics on port ${port} of 127.0.0.1: choose another DORMOUSE_METRICS_PORT`,
  );
});
