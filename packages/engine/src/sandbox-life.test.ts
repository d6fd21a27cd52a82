import { expect, test } from "bun:test";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { SandboxId } from "@dormouse/schema";
import { addImage, failure, killAllIn, newSpec, runInside, useEngine } from "../testkit/index.ts";

const suite = useEngine();

test("create() answers when sandbox-api serves, with the image's and the caller's environment", async () => {
  const sandbox = await suite.port.create(newSpec({ env: { GREETING: "hello there" } }));
  const { stdout } = await runInside(
    sandbox,
    'echo "$GREETING from $(hostname) in $PWD with $SHELL"; env | grep -c DORMOUSE',
  );
  expect(stdout).toBe("hello there from box in /blaxel with /bin/bash\n0\n");
  await suite.port.remove(sandbox.id);
});

test("variables that would change the agent itself reach the processes only", async () => {
  const env = { BUN_BE_BUN: "1", LD_PRELOAD: "/no/such.so", NODE_OPTIONS: "--no-warnings" };
  const sandbox = await suite.port.create(newSpec({ env }));
  const { stdout } = await runInside(sandbox, 'echo "$BUN_BE_BUN $LD_PRELOAD $NODE_OPTIONS $NODE_EXTRA_CA_CERTS"');
  expect(stdout).toBe("1 /no/such.so --no-warnings /etc/ssl/certs/ca-certificates.crt\n");
  await suite.port.remove(sandbox.id);
});

test("root inside is a nobody outside, and owns its files inside", async () => {
  const sandbox = await suite.port.create(newSpec());
  const { stdout } = await runInside(
    sandbox,
    "id -u; touch /made-inside; stat -c %u /made-inside /bin/sh; cat /proc/self/uid_map",
  );
  expect(stdout.split(/\s+/).slice(0, 3)).toEqual(["0", "0", "0"]);
  expect(statSync(join(suite.data.dir, "sandboxes", sandbox.id, "upper/made-inside")).uid).toBe(100_000);
  await suite.port.remove(sandbox.id);
});

test("sleep() keeps memory, processes and timers; wake() goes on where they were", async () => {
  const sandbox = await suite.port.create(newSpec());
  await runInside(
    sandbox,
    "(i=0; while true; do i=$((i+1)); echo $i > /tmp/count; sleep 0.01; done) > /dev/null 2>&1 & until [ -s /tmp/count ]; do sleep 0.01; done",
  );
  await suite.port.sleep(sandbox.id);
  expect((await suite.port.get(sandbox.id)).state).toBe("asleep");
  const countFile = join(suite.data.dir, "sandboxes", sandbox.id, "upper/tmp/count");
  const asleepSince = statSync(countFile).mtimeMs;
  await Bun.sleep(50);
  expect(statSync(countFile).mtimeMs).toBe(asleepSince);
  expect((await suite.port.wake(sandbox.id)).state).toBe("running");
  const { stdout } = await runInside(
    sandbox,
    'a=$(cat /tmp/count); while [ "$(cat /tmp/count)" = "$a" ]; do :; done; echo counts on',
  );
  expect(stdout).toBe("counts on\n");
  await suite.port.remove(sandbox.id);
});

test("sleep() and wake() may be repeated; an unknown sandbox is SANDBOX_NOT_FOUND", async () => {
  const sandbox = await suite.port.create(newSpec());
  await Promise.all([suite.port.sleep(sandbox.id), suite.port.sleep(sandbox.id)]);
  await Promise.all([suite.port.wake(sandbox.id), suite.port.wake(sandbox.id), suite.port.wake(sandbox.id)]);
  expect((await runInside(sandbox, "echo ok")).stdout).toBe("ok\n");
  await suite.port.remove(sandbox.id);
  const unknown = "nosuchsandbox" as SandboxId;
  for (const call of [suite.port.get(unknown), suite.port.sleep(unknown), suite.port.wake(unknown)]) {
    expect((await failure(call)).code).toBe("SANDBOX_NOT_FOUND");
  }
  await suite.port.remove(unknown);
});

test("an unknown or malformed image is refused with the images there are, and leaves nothing", async () => {
  const unknown = await failure(suite.port.create(newSpec({ image: "no-such-image" })));
  expect(unknown.code).toBe("INVALID_IMAGE");
  expect(unknown.hint).toContain("base-image:latest");
  expect((await failure(suite.port.create(newSpec({ image: "../../etc" })))).code).toBe("INVALID_IMAGE");
  expect(readdirSync(join(suite.data.dir, "sandboxes"))).toEqual([]);
});

test("a sandbox that cannot start says why and leaves nothing", async () => {
  await addImage(suite.data.dir, "broken", (root) =>
    Bun.write(join(root, "usr"), "a file where a folder must be").then(() => undefined),
  );
  const broken = await failure(suite.port.create(newSpec({ image: "broken" })));
  expect(broken.code).toBe("SANDBOX_START_FAILED");
  expect(broken.message).toContain("usr");
  expect(await suite.port.list()).toEqual([]);
  expect(readdirSync(join(suite.data.dir, "sandboxes"))).toEqual([]);
});

test("a second create of the same id is refused and the first is not touched", async () => {
  const spec = newSpec();
  const sandbox = await suite.port.create(spec);
  expect((await failure(suite.port.create(spec))).code).toBe("SANDBOX_ALREADY_EXISTS");
  expect((await runInside(sandbox, "echo ok")).stdout).toBe("ok\n");
  await suite.port.remove(sandbox.id);
});

test("thaw() wakes at once, by a file the server's user may write", async () => {
  const sandbox = await suite.port.create(newSpec());
  await suite.port.sleep(sandbox.id);
  expect(suite.port.thaw(sandbox.id)).toBe(true);
  expect((await suite.port.get(sandbox.id)).state).toBe("running");
  expect(sandbox.freezeFile).toStartWith("/sys/fs/cgroup/");
  await suite.port.remove(sandbox.id);
  expect(suite.port.thaw(sandbox.id)).toBe(false);
});

test("remove() ends frozen sandboxes too and erases their files", async () => {
  const sandbox = await suite.port.create(newSpec());
  await suite.port.sleep(sandbox.id);
  await suite.port.remove(sandbox.id);
  expect(existsSync(join(suite.data.dir, "sandboxes", sandbox.id))).toBe(false);
  expect((await failure(suite.port.get(sandbox.id))).code).toBe("SANDBOX_NOT_FOUND");
});

test("orphans are reaped: a process tree that double-forks leaves no zombie", async () => {
  const sandbox = await suite.port.create(newSpec());
  await runInside(sandbox, "for i in 1 2 3 4 5; do (sh -c 'sleep 0.02 &' &); done; sleep 0.2");
  const { stdout } = await runInside(sandbox, "cat /proc/[0-9]*/stat | awk '$3 == \"Z\"' | wc -l");
  expect(stdout.trim()).toBe("0");
  await suite.port.remove(sandbox.id);
});

test("a sandbox whose processes have all died starts again with its files at the next wake", async () => {
  const sandbox = await suite.port.create(newSpec());
  await runInside(sandbox, "echo kept > /root/file");
  await killAllIn(suite.port, sandbox);
  const again = await suite.port.wake(sandbox.id);
  expect(again.state).toBe("running");
  expect((await runInside(again, "cat /root/file")).stdout).toBe("kept\n");
  await suite.port.remove(sandbox.id);
});

test("F104 a sandbox that may not start again goes on, asleep too, until it has ended; then it is told why", async () => {
  const sandbox = await suite.port.create(newSpec());
  const reason = "Cannot start the sandbox again: its image is not shared any more";
  await suite.port.forbidRestart(sandbox.id, "an earlier reason");
  await suite.port.forbidRestart(sandbox.id, reason);
  await suite.port.sleep(sandbox.id);
  const awake = await suite.port.wake(sandbox.id);
  expect((await runInside(awake, "echo goes on")).stdout).toBe("goes on\n");
  await killAllIn(suite.port, awake);
  for (let attempt = 1; attempt <= 2; attempt++) {
    expect(await failure(suite.port.wake(sandbox.id))).toMatchObject({ code: "FORBIDDEN", message: reason });
  }
  await suite.port.forbidRestart(sandbox.id, null);
  expect(await suite.port.wake(sandbox.id)).toMatchObject({ state: "running" });
  await suite.port.remove(sandbox.id);
  expect(await failure(suite.port.forbidRestart(sandbox.id, reason))).toMatchObject({ code: "SANDBOX_NOT_FOUND" });
});

test("50 creates at once all succeed", async () => {
  const sandboxes = await Promise.all(Array.from({ length: 50 }, () => suite.port.create(newSpec({ memoryMiB: 256 }))));
  expect(new Set(sandboxes.map((sandbox) => sandbox.address)).size).toBe(50);
  const answers = await Promise.all(sandboxes.map((sandbox) => runInside(sandbox, "echo ok")));
  expect(answers.every((answer) => answer.stdout === "ok\n")).toBe(true);
  await Promise.all(sandboxes.map((sandbox) => suite.port.remove(sandbox.id)));
}, 60_000);

test("200 create and delete cycles leave no process, mount, namespace, link, rule or cgroup", async () => {
  const cycle = async (): Promise<void> => {
    const sandbox = await suite.port.create(newSpec({ memoryMiB: 256 }));
    await suite.port.remove(sandbox.id);
  };
  for (let round = 0; round < 50; round++) await Promise.all([cycle(), cycle(), cycle(), cycle()]);
  expect(await suite.port.list()).toEqual([]);
  await suite.engine.stop();
  expect(await suite.traces()).toEqual([]);
  suite.engine = await suite.data.start();
}, 120_000);

test("one whose restart is forbidden goes on, and starts again only when that is lifted", async () => {
  const sandbox = await suite.port.create(newSpec());
  await suite.port.forbidRestart(sandbox.id, "Cannot start: its image is no longer shared");
  await suite.port.sleep(sandbox.id);
  await suite.port.wake(sandbox.id);
  expect((await runInside(sandbox, "echo kept > /root/file; echo goes on")).stdout).toBe("goes on\n");
  await killInit(sandbox.id);
  const refused = await failure(suite.port.wake(sandbox.id));
  expect(refused).toMatchObject({ code: "FORBIDDEN", message: "Cannot start: its image is no longer shared" });
  await suite.engine.kill();
  suite.engine = await suite.data.start();
  expect(await failure(suite.port.wake(sandbox.id))).toMatchObject({ code: "FORBIDDEN" });
  await suite.port.forbidRestart(sandbox.id, null);
  expect((await runInside(await suite.port.wake(sandbox.id), "cat /root/file")).stdout).toBe("kept\n");
  await suite.port.remove(sandbox.id);
});

/** Everything inside ends with it. */
async function killInit(id: SandboxId): Promise<void> {
  const record = Bun.file(join(suite.data.dir, "sandboxes", id, "run.json"));
  const { initPid } = (await record.json()) as { initPid: number };
  process.kill(initPid, "SIGKILL");
  while (existsSync(`/proc/${initPid}`)) await Bun.sleep(1);
}
