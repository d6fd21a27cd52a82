import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { useDormouse } from "../support/suite.ts";

const POOL_SIZE = 2;
const suite = useDormouse({ DORMOUSE_WARM_POOL: `base-image=${POOL_SIZE}`, DORMOUSE_IDLE_MS: "600000" });

/** Folders of sandboxes that are nobody's; resolves when there are as many as there should be. */
async function readyFolders(): Promise<string[]> {
  const deadlineMs = performance.now() + 20_000;
  for (;;) {
    const folders = suite.sandboxFolders().filter((name) => !hasRun(name));
    if (folders.length === POOL_SIZE) return folders;
    if (performance.now() > deadlineMs) throw new Error(`the pool has ${folders.length} sandboxes`);
    await Bun.sleep(20);
  }
}

const hasRun = (folder: string): boolean => existsSync(join(suite.dormouse.dataDir, "sandboxes", folder, "run.json"));

test("a create takes a sandbox that was kept ready, which nobody saw before, and the pool fills again", async () => {
  const { api } = suite;
  // The first of them is ready when the second one is being made.
  const [first = "", second = ""] = await readyFolders();
  expect(await api.list()).toEqual([]);
  await api.create("quick", { runtime: { envs: [{ name: "GREETING", value: "hello" }] } });
  expect([first, second].filter(hasRun)).toHaveLength(1);
  expect(await api.run("quick", "echo $GREETING from $(hostname)")).toBe("hello from quick\n");
  expect(await readyFolders()).toHaveLength(POOL_SIZE);
  expect(await api.list()).toEqual(["quick"]);
});

test("a burst takes what is ready and starts the others, all the same", async () => {
  const { api } = suite;
  const names = Array.from({ length: 6 }, (_, index) => `burst-${index}`);
  await Promise.all(names.map((name) => api.create(name)));
  const greetings = await Promise.all(names.map((name) => api.run(name, "hostname")));
  expect(greetings).toEqual(names.map((name) => `${name}\n`));
});

test("after a killed engine the pool is made anew and nothing of the old one is left", async () => {
  const { api } = suite;
  const before = await readyFolders();
  const killed = suite.dormouse.pids.engine();
  process.kill(killed, "SIGKILL");
  // A create that reaches it while it dies is cut off, and answered 503 (decision 0019).
  while (existsSync(`/proc/${killed}`)) await Bun.sleep(1);
  await api.create("after");
  expect(await api.run("after", "hostname")).toBe("after\n");
  const after = await readyFolders();
  expect(after.filter((folder) => before.includes(folder))).toEqual([]);
});

test("an engine that is killed while a ready one becomes somebody's leaves nothing of it", async () => {
  await suite.dormouse.stop();
  await suite.startAgain({ DORMOUSE_FAULT_POINT: "engine.create.spec" });
  const { api } = suite;
  const before = await readyFolders();
  const body = { metadata: { name: "cut-off" }, spec: { runtime: { image: "blaxel/base-image" } } };
  expect(await api.call("POST", "/sandboxes", { body })).toMatchObject({ status: 503 });
  expect(await api.list()).not.toContain("cut-off");
  const after = await readyFolders();
  expect(after.filter((folder) => before.includes(folder))).toEqual([]);
  await api.create("cut-off");
  expect(await api.run("cut-off", "hostname")).toBe("cut-off\n");
});
