import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { failure, newSpec, runInside, useBuilds } from "../../testkit/index.ts";

/* Steps whose output counts wait a moment: buildah 1.28 may lose what comes with the end of one (decision 0023). */
const MEMORY_MIB = 256;
const suite = useBuilds({
  builds: { parallelCount: 2, memoryMiB: MEMORY_MIB, diskMiB: 400, maxProcessCount: 150 },
});

/** What is left of builds: nothing, but the caches of their scopes and the records of those that ended. */
async function expectNothingLeft(): Promise<void> {
  const traces = await suite.engine.traces();
  expect(traces.filter((trace) => /loop|build-|process/.test(trace))).toEqual([]);
  const builds = readdirSync(join(suite.engine.data.dir, "builds"), { recursive: true }).map(String);
  expect(builds.filter((path) => path.includes("/") && !/\/(state\.json|log)$/.test(path))).toEqual([]);
}

test("a RUN step sees neither the host nor other builds, and cannot mount or make devices", async () => {
  const { state, log } = await suite.build({
    Dockerfile: `FROM busybox
RUN for place in /proc/1/root/etc/passwd /proc/1/environ /proc/2/root /input/Dockerfile /storage /run/dormouse; do \\
      ls -d $place > /dev/null 2>&1 && cat $place/. $place > /dev/null 2>&1 && echo "reads $place"; done; echo looked; sleep 0.5
RUN mount -t tmpfs none /tmp 2>&1; mount -t proc none /tmp 2>&1; mount --bind /etc /tmp 2>&1; umount /proc 2>&1; sleep 0.5
RUN unshare -U true 2>&1; unshare -m true 2>&1; nsenter -t 1 -m true 2>&1; mknod /tmp/disk b 7 0 2>&1; sleep 0.5
RUN cat /dev/loop0 /dev/vda /dev/kmsg /dev/mem 2>&1 | grep -v "No such file" | wc -l; sleep 0.5
RUN id; echo "$(ls /proc | grep -c '^[0-9]') processes"; (echo x > /proc/sys/kernel/hostname) 2> /dev/null || echo "no kernel setting"; sleep 0.5
`,
  });
  expect(state.status).toBe("ready");
  expect(log).not.toMatch(/^reads/m);
  expect(log).toMatch(/^looked/m);
  for (const denied of ["mount: ", "umount: ", "unshare: ", "nsenter: ", "mknod: "]) {
    expect(
      log.split("\n").filter((line) => line.startsWith(denied) && /denied|permitted|implemented/.test(line)),
    ).not.toEqual([]);
  }
  expect(log).toMatch(/STEP 5\/6:.*\n0\n/);
  expect(log).toMatch(/^no kernel setting/m);
  const suicide = await suite.build({ Dockerfile: "FROM busybox\nRUN kill -9 1; kill -9 -1; echo survived\n" });
  expect(suicide.state.failure).toMatchObject({ code: "BUILD_FAILED" });
  await expectNothingLeft();
});

test("a RUN step reaches neither this host, nor sandboxes, nor private addresses", async () => {
  await using listener = Bun.serve({ hostname: "0.0.0.0", port: 0, fetch: () => new Response("reached") });
  const sandbox = await suite.engine.port.create(newSpec());
  try {
    const gateway = sandbox.address.replace(/\.\d+\.\d+$/, ".0.1");
    const places = [
      `127.0.0.1:${listener.port}`,
      `${gateway}:${listener.port}`,
      `${sandbox.address}:8080`,
      "169.254.169.254:80",
      "10.0.0.1:80",
    ];
    const { state, log } = await suite.build({
      Dockerfile: `FROM busybox\nRUN for place in ${places.join(" ")}; do wget -T 3 -q -O - http://$place/health && echo "reached $place"; done; echo tried; sleep 0.5\n`,
    });
    expect(state.status).toBe("ready");
    expect(log).toContain("tried");
    expect(log).not.toContain("reached 1");
    const refused = await suite.build({
      Dockerfile: `FROM busybox\nRUN wget -q http://${gateway}:${listener.port}/ || { sleep 0.5; false; }\n`,
    });
    expect(refused.state.failure?.message).toContain("refused");
    expect(refused.state.failure?.hint).toContain("public addresses alone");
  } finally {
    await suite.engine.port.remove(sandbox.id);
  }
  await expectNothingLeft();
});

test("processes that a RUN step leaves end with the build", async () => {
  const { state } = await suite.build({
    Dockerfile: "FROM busybox\nRUN (sleep 3153 &) ; sleep 3154 & echo on\nRUN true\n",
  });
  expect(state.status).toBe("ready");
  await expectNothingLeft();
});

test("a build that forks without end, or takes more memory or disk than it may, fails alone", async () => {
  const bomb = suite.begin(
    { Dockerfile: "FROM busybox\nRUN f() { f | f & }; f; sleep 1; echo survived\n" },
    { cacheScope: "bomb" },
  );
  const memory = await suite.build(
    { Dockerfile: "FROM busybox\nRUN head -c 600m /dev/zero | tail -n 1 > /dev/null\n" },
    { cacheScope: "memory" },
  );
  expect(memory.state.failure).toMatchObject({
    code: "BUILD_FAILED",
    message: expect.stringContaining("ran out of memory") as string,
    hint: expect.stringContaining(`${MEMORY_MIB} MiB`) as string,
  });
  const disk = await suite.build(
    { Dockerfile: "FROM busybox\nRUN dd if=/dev/zero of=/big bs=1M count=1000 || { sleep 0.5; false; }\n" },
    { cacheScope: "disk" },
  );
  expect(disk.state.failure?.message).toContain(
    'step 2/2, "RUN dd if=/dev/zero of=/big bs=1M count=1000 || { sleep 0.5; false; }", left no space',
  );
  const after = await suite.build({ Dockerfile: "FROM busybox\nRUN echo fine\n" }, { cacheScope: "disk" });
  expect(after.state.status).toBe("ready");
  const id = await bomb;
  await suite.engine.port.waitForImage(id);
  const sandbox = await suite.engine.port.create(newSpec());
  expect((await runInside(sandbox, "echo served")).stdout).toBe("served\n");
  await suite.engine.port.remove(sandbox.id);
  await expectNothingLeft();
}, 120_000);

test("a build that is removed ends at once, also one that waits; who waits for it is told", async () => {
  const slow = { Dockerfile: "FROM busybox\nRUN sleep 3156\n" };
  const running = await suite.begin(slow);
  const waiting = await suite.begin(slow);
  await suite.untilSaid(running, "RUN sleep");
  expect((await suite.engine.port.image(waiting)).status).toBe("queued");
  const told = failure(suite.engine.port.waitForImage(waiting));
  await suite.engine.port.removeImage(waiting);
  expect((await told).code).toBe("IMAGE_NOT_FOUND");
  await suite.engine.port.removeImage(running);
  await suite.engine.port.removeImage(running);
  expect((await failure(suite.engine.port.image(running))).code).toBe("IMAGE_NOT_FOUND");
  await expectNothingLeft();
});

test("builds of two scopes run at once, of one scope one after the other", async () => {
  const slow = { Dockerfile: "FROM busybox\nRUN sleep 3157\n" };
  const first = await suite.begin(slow, { cacheScope: "left" });
  const second = await suite.begin(slow, { cacheScope: "left" });
  const third = await suite.begin(slow, { cacheScope: "right" });
  await suite.untilSaid(first, "RUN sleep");
  await suite.untilSaid(third, "RUN sleep");
  expect((await suite.engine.port.image(second)).status).toBe("queued");
  for (const id of [first, second, third]) await suite.engine.port.removeImage(id);
  await expectNothingLeft();
});
