import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { AppError, randomId } from "@dormouse/kernel";
import { EngineSandboxSpec, type SandboxId } from "@dormouse/schema";
import { addBaseImage, addImage, type EngineProcess, machineState, runInside, TestData } from "../testkit/index.ts";

let before: Record<string, string[]>;
let data: TestData;
let engine: EngineProcess;

beforeAll(async () => {
  before = await machineState();
  data = new TestData();
  await addBaseImage(data.dir);
  engine = await data.start();
}, 300_000);

afterAll(async () => {
  await data[Symbol.asyncDispose]();
  expect(await machineState()).toEqual(before);
}, 60_000);

const newSpec = (overrides: Partial<EngineSandboxSpec> = {}): EngineSandboxSpec =>
  EngineSandboxSpec.parse({
    id: randomId(),
    hostname: "box",
    image: "blaxel/base-image:latest",
    memoryMiB: 512,
    cpuCount: 1,
    env: {},
    ...overrides,
  });

const failure = (call: Promise<unknown>): Promise<AppError> =>
  call.then(
    () => Promise.reject(new Error("it did not fail")),
    (error: unknown) => (error instanceof AppError ? error : Promise.reject(error as Error)),
  );

test("create() answers when sandbox-api serves, with the image's and the caller's environment", async () => {
  const sandbox = await engine.port.create(newSpec({ env: { GREETING: "hello there" } }));
  const { stdout } = await runInside(sandbox, 'echo "$GREETING from $(hostname) in $PWD with $SHELL"; env | grep -c DORMOUSE');
  expect(stdout).toBe("hello there from box in /blaxel with /bin/bash\n0\n");
  await engine.port.remove(sandbox.id);
});

test("root inside is a nobody outside, and owns its files inside", async () => {
  const sandbox = await engine.port.create(newSpec());
  const { stdout } = await runInside(sandbox, "id -u; touch /made-inside; stat -c %u /made-inside /bin/sh; cat /proc/self/uid_map");
  expect(stdout.split(/\s+/).slice(0, 3)).toEqual(["0", "0", "0"]);
  expect(statSync(join(data.dir, "sandboxes", sandbox.id, "upper/made-inside")).uid).toBe(100_000);
  await engine.port.remove(sandbox.id);
});

test("sleep() keeps memory, processes and timers; wake() goes on where they were", async () => {
  const sandbox = await engine.port.create(newSpec());
  await runInside(sandbox, "(i=0; while true; do i=$((i+1)); echo $i > /tmp/count; sleep 0.01; done) > /dev/null 2>&1 & true");
  await engine.port.sleep(sandbox.id);
  expect((await engine.port.get(sandbox.id)).state).toBe("asleep");
  const countFile = join(data.dir, "sandboxes", sandbox.id, "upper/tmp/count");
  const asleepSince = statSync(countFile).mtimeMs;
  await Bun.sleep(50);
  expect(statSync(countFile).mtimeMs).toBe(asleepSince);
  expect((await engine.port.wake(sandbox.id)).state).toBe("running");
  const { stdout } = await runInside(sandbox, "a=$(cat /tmp/count); while [ \"$(cat /tmp/count)\" = \"$a\" ]; do :; done; echo counts on");
  expect(stdout).toBe("counts on\n");
  await engine.port.remove(sandbox.id);
});

test("sleep() and wake() may be repeated; an unknown sandbox is SANDBOX_NOT_FOUND", async () => {
  const sandbox = await engine.port.create(newSpec());
  await Promise.all([engine.port.sleep(sandbox.id), engine.port.sleep(sandbox.id)]);
  await Promise.all([engine.port.wake(sandbox.id), engine.port.wake(sandbox.id), engine.port.wake(sandbox.id)]);
  expect((await runInside(sandbox, "echo ok")).stdout).toBe("ok\n");
  await engine.port.remove(sandbox.id);
  const unknown = "nosuchsandbox" as SandboxId;
  for (const call of [engine.port.get(unknown), engine.port.sleep(unknown), engine.port.wake(unknown)]) {
    expect((await failure(call)).code).toBe("SANDBOX_NOT_FOUND");
  }
  await engine.port.remove(unknown);
});

test("an unknown or malformed image is refused with the images there are, and leaves nothing", async () => {
  const unknown = await failure(engine.port.create(newSpec({ image: "no-such-image" })));
  expect(unknown.code).toBe("INVALID_IMAGE");
  expect(unknown.hint).toContain("base-image:latest");
  expect((await failure(engine.port.create(newSpec({ image: "../../etc" })))).code).toBe("INVALID_IMAGE");
  expect(readdirSync(join(data.dir, "sandboxes"))).toEqual([]);
});

test("a sandbox that cannot start says why and leaves nothing", async () => {
  await addImage(data.dir, "broken", (root) => Bun.write(join(root, "usr"), "a file where a folder must be").then(() => undefined));
  const broken = await failure(engine.port.create(newSpec({ image: "broken" })));
  expect(broken.code).toBe("SANDBOX_START_FAILED");
  expect(broken.message).toContain("usr");
  expect(await engine.port.list()).toEqual([]);
  expect(readdirSync(join(data.dir, "sandboxes"))).toEqual([]);
});

test("a second create of the same id is refused and the first is not touched", async () => {
  const spec = newSpec();
  const sandbox = await engine.port.create(spec);
  expect((await failure(engine.port.create(spec))).code).toBe("SANDBOX_ALREADY_EXISTS");
  expect((await runInside(sandbox, "echo ok")).stdout).toBe("ok\n");
  await engine.port.remove(sandbox.id);
});

test("remove() ends frozen sandboxes too and erases their files", async () => {
  const sandbox = await engine.port.create(newSpec());
  await engine.port.sleep(sandbox.id);
  await engine.port.remove(sandbox.id);
  expect(existsSync(join(data.dir, "sandboxes", sandbox.id))).toBe(false);
  expect((await failure(engine.port.get(sandbox.id))).code).toBe("SANDBOX_NOT_FOUND");
});

test("orphans are reaped: a process tree that double-forks leaves no zombie", async () => {
  const sandbox = await engine.port.create(newSpec());
  await runInside(sandbox, "for i in 1 2 3 4 5; do (sh -c 'sleep 0.02 &' &); done; sleep 0.2");
  const { stdout } = await runInside(sandbox, "cat /proc/[0-9]*/stat | awk '$3 == \"Z\"' | wc -l");
  expect(stdout.trim()).toBe("0");
  await engine.port.remove(sandbox.id);
});

test("a sandbox whose processes have all died starts again with its files at the next wake", async () => {
  const sandbox = await engine.port.create(newSpec());
  await runInside(sandbox, "echo kept > /root/file");
  await fetch(`http://${sandbox.address}:8080/process`, {
    method: "POST",
    body: JSON.stringify({ command: "kill -9 1 $PPID; kill -TERM 1", waitForCompletion: true }),
  }).catch(() => undefined);
  while ((await engine.port.get(sandbox.id)).state !== "stopped") await Bun.sleep(5);
  const again = await engine.port.wake(sandbox.id);
  expect(again.state).toBe("running");
  expect((await runInside(again, "cat /root/file")).stdout).toBe("kept\n");
  await engine.port.remove(sandbox.id);
});

test("50 creates at once all succeed", async () => {
  const sandboxes = await Promise.all(Array.from({ length: 50 }, () => engine.port.create(newSpec({ memoryMiB: 256 }))));
  expect(new Set(sandboxes.map((sandbox) => sandbox.address)).size).toBe(50);
  const answers = await Promise.all(sandboxes.map((sandbox) => runInside(sandbox, "echo ok")));
  expect(answers.every((answer) => answer.stdout === "ok\n")).toBe(true);
  await Promise.all(sandboxes.map((sandbox) => engine.port.remove(sandbox.id)));
}, 60_000);

test("200 create and delete cycles leave no process, mount, namespace, link, rule or cgroup", async () => {
  const cycle = async (): Promise<void> => {
    const sandbox = await engine.port.create(newSpec({ memoryMiB: 256 }));
    await engine.port.remove(sandbox.id);
  };
  for (let round = 0; round < 50; round++) await Promise.all([cycle(), cycle(), cycle(), cycle()]);
  expect(await engine.port.list()).toEqual([]);
  await engine.stop();
  expect(await machineState()).toEqual(before);
  engine = await data.start();
}, 120_000);
