import { expect, test } from "bun:test";
import { useDormouse } from "../support/suite.ts";
import { seenBy } from "./run-program.ts";

/* The unmodified @blaxel/core where a wildcard domain gives every sandbox a host of its own. */
const suite = useDormouse({ DORMOUSE_DOMAIN: "boxes.localhost" });
const seen = seenBy(suite, "hosts");

test("sandboxes and sessions have hosts of their own, and the client works against them", () => {
  const { port } = new URL(suite.dormouse.url);
  expect(seen()["url"]).toMatch(new RegExp(`^http://sbx-hosted-[0-9a-f]{10}\\.run\\.boxes\\.localhost:${port}$`));
  expect(seen()["sessionUrl"]).toMatch(new RegExp(`^http://[a-z0-9]+\\.preview\\.boxes\\.localhost:${port}$`));
  expect(seen()).toMatchObject({ ran: "own host", read: "written", ranInSession: "session" });
});

test("a host under another name is not ours, and a sandbox's host wants the key", async () => {
  const { host } = new URL(String(seen()["url"]));
  const statusAt = async (name: string): Promise<number> =>
    (await fetch(`${suite.dormouse.url}/process`, { headers: { host: name } })).status;
  expect(await statusAt(host.replace(/^sbx-hosted-\w+/, "sbx-other-0000000000"))).toBe(404);
  expect(await statusAt(host.replace("boxes.localhost", "boxes.example"))).toBe(404);
  await suite.api.create("hosted");
  const { metadata } = await suite.api.get("hosted");
  expect(new URL(metadata.url).host).toBe(host);
  expect(await statusAt(host)).toBe(401);
});
