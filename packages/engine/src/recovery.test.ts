import { expect, test } from "bun:test";
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { instanceName } from "./instance.ts";
import {
  AGENT_FILE,
  addBaseImage,
  EngineProcess,
  failure,
  newSpec,
  runInside,
  TestData,
  tracesOnMachine,
  useEngine,
} from "../testkit/index.ts";

const suite = useEngine();

test("sandboxes outlive a killed engine, awake and asleep, and the next one takes them up", async () => {
  const awake = await suite.port.create(newSpec());
  const asleep = await suite.port.create(newSpec());
  await runInside(awake, "sleep 1000 & echo $! > /tmp/pid");
  await runInside(asleep, "echo kept > /dev/shm/memory");
  await suite.port.sleep(asleep.id);
  await suite.engine.kill();
  expect((await runInside(awake, "kill -0 $(cat /tmp/pid) && echo alive")).stdout).toBe("alive\n");

  suite.engine = await suite.data.start();
  const states = new Map((await suite.port.list()).map((sandbox) => [sandbox.id, sandbox.state]));
  expect(states).toEqual(
    new Map([
      [awake.id, "running"],
      [asleep.id, "asleep"],
    ]),
  );
  expect((await runInside(awake, "kill -0 $(cat /tmp/pid) && echo alive")).stdout).toBe("alive\n");
  await suite.port.wake(asleep.id);
  expect((await runInside(asleep, "cat /dev/shm/memory")).stdout).toBe("kept\n");
  const third = await suite.port.create(newSpec());
  expect(new Set([awake.address, asleep.address, third.address]).size).toBe(3);
  await Promise.all([awake, asleep, third].map((sandbox) => suite.port.remove(sandbox.id)));
}, 30_000);

test("an engine killed while it creates leaves nothing half-made for the next one", async () => {
  for (let round = 0; round < 5; round++) {
    const creates = Array.from({ length: 6 }, () =>
      suite.port.create(newSpec({ memoryMiB: 256 })).catch(() => undefined),
    );
    await Bun.sleep(15 + round * 12);
    await suite.engine.kill();
    await Promise.all(creates);
    suite.engine = await suite.data.start();
    const known = await suite.port.list();
    expect(readdirSync(join(suite.data.dir, "sandboxes")).toSorted()).toEqual(
      known.map((sandbox) => String(sandbox.id)).toSorted(),
    );
    for (const sandbox of known) expect((await runInside(sandbox, "echo ok")).stdout).toBe("ok\n");
    await Promise.all(known.map((sandbox) => suite.port.remove(sandbox.id)));
  }
}, 60_000);

test("an engine killed while it removes finishes the removal at the next start", async () => {
  const sandboxes = await Promise.all(Array.from({ length: 6 }, () => suite.port.create(newSpec({ memoryMiB: 256 }))));
  const removals = sandboxes.map((sandbox) => suite.port.remove(sandbox.id).catch(() => undefined));
  await Bun.sleep(8);
  await suite.engine.kill();
  await Promise.all(removals);
  suite.engine = await suite.data.start();
  const known = await suite.port.list();
  for (const sandbox of known) expect((await runInside(sandbox, "echo ok")).stdout).toBe("ok\n");
  await Promise.all(known.map((sandbox) => suite.port.remove(sandbox.id)));
  expect(readdirSync(join(suite.data.dir, "sandboxes"))).toEqual([]);
}, 30_000);

test("sandboxes whose data folder was removed are ended by the next engine on the machine", async () => {
  const lost = new TestData();
  await addBaseImage(lost.dir);
  const name = instanceName(lost.dir);
  const engine = await lost.start();
  await engine.port.create(newSpec());
  await engine.kill();
  rmSync(lost.dir, { recursive: true });
  expect(await tracesOnMachine(name)).not.toEqual([]);
  await suite.engine.stop();
  suite.engine = await suite.data.start();
  expect(await tracesOnMachine(name)).toEqual([]);
}, 30_000);

test("a sandbox whose record cannot be read is left alone, files and processes, until it can be read again", async () => {
  const sandbox = await suite.port.create(newSpec());
  await runInside(sandbox, "echo precious > /root/file");
  const folder = join(suite.data.dir, "sandboxes", sandbox.id);
  const record = readFileSync(join(folder, "spec.json"), "utf8");
  await suite.engine.kill();
  writeFileSync(join(folder, "spec.json"), "");
  mkdirSync(join(suite.data.dir, "sandboxes/lost+found"));
  suite.engine = await suite.data.start();
  expect(await suite.port.list()).toEqual([]);
  expect(readFileSync(join(folder, "upper/root/file"), "utf8")).toBe("precious\n");
  await suite.engine.kill();
  writeFileSync(join(folder, "spec.json"), record);
  suite.engine = await suite.data.start();
  const [again] = await suite.port.list();
  expect(again).toMatchObject({ id: sandbox.id, state: "running" });
  expect((await runInside(sandbox, "cat /root/file")).stdout).toBe("precious\n");
  await suite.engine.kill();
  writeFileSync(join(folder, "run.json"), "{");
  suite.engine = await suite.data.start();
  await suite.port.remove(sandbox.id);
  expect(readdirSync(join(suite.data.dir, "sandboxes"))).toEqual(["lost+found"]);
  rmdirSync(join(suite.data.dir, "sandboxes/lost+found"));
}, 30_000);

test("a run record of another boot tells of the dead, even if a process with its id and start time lives", async () => {
  const sandbox = await suite.port.create(newSpec());
  await runInside(sandbox, "echo kept > /root/file");
  await suite.engine.kill();
  const file = join(suite.data.dir, "sandboxes", sandbox.id, "run.json");
  const record = JSON.parse(readFileSync(file, "utf8")) as object;
  writeFileSync(file, JSON.stringify({ ...record, bootId: "00000000-0000-4000-8000-000000000000" }));
  suite.engine = await suite.data.start();
  expect(await suite.port.get(sandbox.id)).toMatchObject({ state: "stopped" });
  const again = await suite.port.wake(sandbox.id);
  expect(again).toMatchObject({ state: "running", restart: { reason: "host-reboot" } });
  expect((await runInside(again, "cat /root/file")).stdout).toBe("kept\n");
  await suite.port.remove(sandbox.id);
}, 30_000);

test("a sandbox whose API stays silent is given up after the start time-out, and nothing of it is left", async () => {
  await using data = new TestData();
  await addBaseImage(data.dir);
  const agentFile = join(data.dir, "silent-agent");
  writeFileSync(agentFile, "#!/bin/sh\nexec sleep 1000\n", { mode: 0o755 });
  const engine = await data.start({ agentFile, startTimeoutMs: 300 });
  expect((await failure(engine.port.create(newSpec()))).code).toBe("SANDBOX_START_TIMEOUT");
  expect(await engine.port.list()).toEqual([]);
  expect(readdirSync(join(data.dir, "sandboxes"))).toEqual([]);
  await engine.stop();
  expect(await tracesOnMachine(instanceName(data.dir))).toEqual([]);
}, 30_000);

test("a data folder belongs to one engine at a time", async () => {
  await expect(EngineProcess.start(suite.data.dir)).rejects.toThrow("ended with 1");
  expect(await suite.port.list()).toEqual([]);
});

test("the instance's name depends on the folder's path alone", () => {
  expect(instanceName("/")).toBe(instanceName("/"));
  expect(instanceName("/")).not.toBe(instanceName("/usr"));
});

test("sandboxes are created also after the sandbox-api executable was replaced, as an upgrade does", async () => {
  await using data = new TestData();
  await addBaseImage(data.dir);
  const agentFile = join(data.dir, "installed-agent");
  copyFileSync(AGENT_FILE, agentFile);
  const engine = await data.start({ agentFile });
  copyFileSync(AGENT_FILE, `${agentFile}.new`);
  renameSync(`${agentFile}.new`, agentFile);
  expect((await engine.port.create(newSpec())).state).toBe("running");
});
