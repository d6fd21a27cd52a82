import { expect, test } from "bun:test";
import { simulateReboot } from "@dormouse/engine/testkit";
import { appServer } from "../support/app-server.ts";
import { untilDead, eventually } from "../support/eventually.ts";
import { useDormouse } from "../support/suite.ts";
import { tracesLeftBy } from "../support/traces.ts";

const suite = useDormouse({ DORMOUSE_IDLE_MS: "500", DORMOUSE_LOG: "warn" });

/** As a power cut and the boot after it, seen from this data folder. */
async function reboot(): Promise<void> {
  const { pids, dataDir } = suite.dormouse;
  const children = [pids.engine(), pids.server()];
  await suite.dormouse.kill();
  await Promise.all(children.map(untilDead));
  await simulateReboot(dataDir);
  expect(await tracesLeftBy(dataDir)).toEqual([]);
  await suite.startAgain();
}

const restartsOf = async (name: string) =>
  (await suite.api.get(name)).events.filter(({ type }) => type === "restarted");

test("after a host reboot files and volumes are intact, and sandboxes start from their entrypoint on the first request", async () => {
  await suite.api.call("POST", "/volumes", { body: { metadata: { name: "data" }, spec: { size: 64 } } });
  await suite.api.create("awake", { volumes: [{ name: "data", mountPath: "/data" }] });
  await suite.api.create("asleep");
  await suite.api.create("disabled");
  await suite.api.run("awake", "echo precious > /data/file; echo kept > /root/file; echo lost > /dev/shm/file; sync");
  await appServer(suite.api, "asleep", 3000);
  await suite.api.call("PUT", "/sandboxes/disabled", { body: { spec: { enabled: false } } });
  await suite.api.untilState("asleep", "STANDBY");
  await suite.api.process("awake", { name: "worker", command: "sleep 1000", keepAlive: true, timeout: 0 });

  await reboot();
  expect((await suite.api.list()).toSorted()).toEqual(["asleep", "awake", "disabled"]);
  expect(await restartsOf("awake")).toEqual([]);

  // The first request to each is answered, not refused.
  expect(await suite.api.run("awake", "cat /data/file /root/file; ls /dev/shm")).toBe("precious\nkept\n");
  expect((await suite.api.fetch("asleep", "/port/3000/count")).status).toBe(502);
  for (const name of ["awake", "asleep"]) {
    const [restart, ...others] = await eventually(async () => {
      const restarts = await restartsOf(name);
      expect(restarts).not.toEqual([]);
      return restarts;
    });
    expect(restart).toMatchObject({
      status: "DEPLOYED",
      message: expect.stringContaining("machine was started again"),
    });
    expect(others).toEqual([]);
  }
  expect(suite.dormouse.output()).toMatch(/"event":"sandbox.restart".*"reason":"host-reboot".*"sandbox":"awake"/);

  // What was kept by name is gone, and nothing claims otherwise.
  const worker = await suite.api.fetch("awake", "/process/worker");
  expect(worker.status).toBe(404);
  expect(await suite.api.text("awake", "/process")).not.toContain("worker");

  expect((await suite.api.get("disabled")).status).toBe("DEACTIVATED");
  await suite.api.call("PUT", "/sandboxes/disabled", { body: { spec: { enabled: true } } });
  expect(await restartsOf("disabled")).toHaveLength(1);

  // They sleep and wake with their memory as before.
  await appServer(suite.api, "asleep", 3000);
  expect(await suite.api.text("asleep", "/port/3000/count")).toBe("1");
  await suite.api.untilState("asleep", "STANDBY");
  expect(await suite.api.text("asleep", "/port/3000/count")).toBe("2");
  await suite.api.removeAll();
  expect((await suite.api.call("DELETE", "/volumes/data")).status).toBe(200);
});

test("a sandbox nobody asks for after a reboot stays stopped, and can be deleted", async () => {
  await suite.api.create("forgotten");
  await reboot();
  expect((await suite.api.get("forgotten")).state).toBe("STANDBY");
  await suite.api.remove("forgotten");
  expect(suite.sandboxFolders()).toEqual([]);
});
