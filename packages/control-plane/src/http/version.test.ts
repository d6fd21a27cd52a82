import { expect, test } from "bun:test";
import { startServer } from "../../testkit/server.ts";

test.each(["", "2026-04-28", "2025-01-31"])("F269 version %j of the API is spoken", async (version) => {
  await using server = await startServer();
  const answer = await server.call("GET", "/sandboxes", undefined, { "blaxel-version": version });
  expect(answer).toMatchObject({ status: 200 });
});

test.each(["2026-04-29", "2099-01-01", "latest", "1", "2026-13-01", "2026-04-28; drop"])(
  "F269 version %j is unknown",
  async (version) => {
    await using server = await startServer();
    const answer = await server.call("GET", "/sandboxes", undefined, { "blaxel-version": version });
    expect(answer).toMatchObject({ status: 400, body: { code: 400, error: "invalid_api_version" } });
    expect(answer.body).toHaveProperty("message", expect.stringContaining("2026-04-28"));
  },
);
