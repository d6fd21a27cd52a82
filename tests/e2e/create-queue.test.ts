import { expect, test } from "bun:test";
import { cpus } from "node:os";
import { useDormouse } from "../support/suite.ts";

const suite = useDormouse({ DORMOUSE_IDLE_MS: "600000" });

const headers = { "x-blaxel-workspace": "neighbour" };
const bodyOf = (name: string) => ({ metadata: { name }, spec: { runtime: { memory: 128 } } });
/** Started at once, and those that end while one more starts beside them. */
const COUPLE_OF_CREATES = 2 * 4 * cpus().length;

test("a hundred creates at once all succeed, and hold up a neighbour's one by a couple of them", async () => {
  const { api } = suite;
  expect((await api.call("POST", "/workspaces", { body: { name: "neighbour" } })).status).toBe(200);
  const started = Promise.withResolvers<void>();
  let doneCount = 0;
  const many = Array.from({ length: 100 }, async (_, index) => {
    await api.create(`many-${index}`, { runtime: { memory: 128 } });
    doneCount += 1;
    started.resolve();
  });
  await started.promise;
  const doneBefore = doneCount;
  const { status } = await api.call("POST", "/sandboxes", { headers, body: bodyOf("single") });
  expect(status).toBe(200);
  expect(doneCount - doneBefore).toBeLessThanOrEqual(COUPLE_OF_CREATES);
  await Promise.all(many);
  expect((await api.call("DELETE", "/sandboxes/single", { headers })).status).toBe(200);
});

test("a client that leaves while its create waits leaves no sandbox behind", async () => {
  const { api } = suite;
  await api.removeAll();
  const many = Array.from({ length: 12 * cpus().length }, (_, index) =>
    api.create(`busy-${index}`, { runtime: { memory: 128 } }),
  );
  // By then all the others stand in line.
  await Promise.any(many);
  const leaving = new AbortController();
  const left = fetch(`${api.env["BL_API_URL"]}/sandboxes`, {
    method: "POST",
    headers: { authorization: `Bearer ${api.key}` },
    body: JSON.stringify(bodyOf("left")),
    signal: leaving.signal,
  });
  await api.list();
  leaving.abort();
  await expect(left).rejects.toThrow();
  await Promise.all(many);
  expect(await api.list()).not.toContain("left");
  expect(suite.sandboxFolders()).toHaveLength(many.length);
});
