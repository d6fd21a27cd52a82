import { afterEach, expect, test } from "bun:test";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { randomId } from "@dormouse/kernel";
import { type EngineSandbox, type EngineVolumeMount, VolumeId } from "@dormouse/schema";
import { failure, newSpec, runInside, useEngine } from "../../testkit/index.ts";
import { canGrowMounted } from "./loop-mounts.ts";

const suite = useEngine();

/** Nothing of a volume is mounted or bound once its sandboxes are removed, and nothing on disk once it is removed itself. */
afterEach(async () => {
  for (const { id } of await suite.port.list()) await suite.port.remove(id);
  expect((await suite.traces()).filter((trace) => trace.startsWith("loop"))).toEqual([]);
  for (const file of volumeFiles()) await suite.port.removeVolume(VolumeId.parse(file.replace(/\.img$/, "")));
  expect(volumeFiles()).toEqual([]);
});

const volumeFiles = (): string[] => readdirSync(join(suite.data.dir, "volumes"));

async function newVolume(sizeMiB = 32): Promise<VolumeId> {
  const id = VolumeId.parse(randomId());
  await suite.port.createVolume(id, sizeMiB);
  return id;
}

const at = (id: VolumeId, mountPath = "/data", readOnly = false): EngineVolumeMount => ({ id, mountPath, readOnly });

const createWith = (...volumes: EngineVolumeMount[]) => suite.port.create(newSpec({ volumes }));

/** As a crash of everything inside. */
async function stopFromInside(sandbox: EngineSandbox): Promise<void> {
  await runInside(sandbox, "kill -9 1 $PPID; kill -TERM 1").catch(() => undefined);
  while ((await suite.port.get(sandbox.id)).state !== "stopped") await Bun.sleep(5);
}

test("F230 F231 F007 what is written on a volume is there in the next sandbox that has it", async () => {
  const id = await newVolume();
  const first = await createWith(at(id));
  const empty = await runInside(first, "ls -A /data; stat -c %U:%G /data; mount | grep ' /data '");
  expect(empty.stdout).toMatch(/^root:root\n\S+ on \/data type ext4 \(rw,nosuid,nodev,/);
  await runInside(first, "echo kept > /data/file; chown 1000:1000 /data/file; chmod 640 /data/file");
  await suite.port.remove(first.id);
  const second = await createWith(at(id, "/else/where"));
  const { stdout } = await runInside(
    second,
    "cat /else/where/file; stat -c '%u %a' /else/where/file; ls -A /data 2>&1",
  );
  expect(stdout).toStartWith("kept\n1000 640\nls: ");
  await suite.port.remove(second.id);
}, 30_000);

test("F231 a volume is full at its size, and its neighbour does not notice", async () => {
  const [full, other] = [await newVolume(32), await newVolume(32)];
  const sandbox = await createWith(at(full, "/full"), at(other, "/other"));
  const { stdout } = await runInside(
    sandbox,
    "dd if=/dev/zero of=/full/file bs=1M count=64 2>&1 | grep -o 'No space left on device'; stat -c %s /full/file",
  );
  const [refusal, sizeBytes] = stdout.trim().split("\n");
  expect(refusal).toBe("No space left on device");
  expect(Number(sizeBytes)).toBeWithin(20 * 1024 * 1024, 32 * 1024 * 1024);
  const beside = await runInside(
    sandbox,
    "dd if=/dev/zero of=/other/file bs=1M count=16 status=none && echo fine; echo ok > /root/x && cat /root/x",
  );
  expect(beside.stdout).toBe("fine\nok\n");
  expect(statSync(join(suite.data.dir, "volumes", `${full}.img`)).size).toBe(32 * 1024 * 1024);
  await runInside(sandbox, "rm /full/file; sync");
  await suite.port.remove(sandbox.id);
}, 30_000);

test("F231 a read-only volume cannot be written, by root neither", async () => {
  const id = await newVolume();
  const writer = await createWith(at(id));
  await runInside(writer, "echo fixed > /data/file");
  await suite.port.remove(writer.id);
  const reader = await createWith(at(id, "/data", true));
  const { stdout } = await runInside(
    reader,
    "cat /data/file; (echo more >> /data/file) 2>&1; mount -o remount,rw /data 2> /dev/null || echo stays",
  );
  expect(stdout).toMatch(/^fixed\n.*Read-only file system\nstays\n$/);
  await suite.port.remove(reader.id);
}, 30_000);

test("F231 a volume belongs to one sandbox at a time, and cannot be removed while it does", async () => {
  const [id, free] = [await newVolume(), await newVolume()];
  const holder = await createWith(at(id));
  await suite.port.sleep(holder.id);
  expect((await failure(createWith(at(free, "/free"), at(id)))).code).toBe("VOLUME_IN_USE");
  expect((await failure(suite.port.removeVolume(id))).code).toBe("VOLUME_IN_USE");
  expect((await failure(createWith(at(free, "/a"), at(free, "/b")))).code).toBe("INVALID_ARGUMENT");
  const other = await createWith(at(free));
  await suite.port.wake(holder.id);
  expect((await runInside(holder, "echo on > /data/file; cat /data/file")).stdout).toBe("on\n");
  await Promise.all([holder, other].map((sandbox) => suite.port.remove(sandbox.id)));
  for (const volume of [id, free]) await suite.port.removeVolume(volume);
  expect((await failure(createWith(at(id)))).code).toBe("VOLUME_NOT_FOUND");
}, 30_000);

test("F232 a volume grows with what is in it, and never shrinks", async () => {
  const id = await newVolume(16);
  const first = await createWith(at(id));
  await runInside(first, "dd if=/dev/urandom of=/data/file bs=1M count=8 status=none; cd /data && md5sum file > sum");
  await suite.port.remove(first.id);
  await suite.port.resizeVolume(id, 512);
  await suite.port.resizeVolume(id, 512);
  expect((await failure(suite.port.resizeVolume(id, 511))).code).toBe("INVALID_ARGUMENT");
  const second = await createWith(at(id));
  const { stdout } = await runInside(
    second,
    "cd /data && md5sum -c sum; ls -A; dd if=/dev/zero of=more bs=1M count=400 status=none && echo fits",
  );
  expect(stdout).toBe("file: OK\nfile\nsum\nfits\n");
  await suite.port.remove(second.id);
}, 30_000);

test("F232 a volume grows under a sandbox where the kernel allows it, and is left as it was where not", async () => {
  const id = await newVolume(16);
  const sandbox = await createWith(at(id));
  await runInside(sandbox, "echo kept > /data/file");
  if (canGrowMounted()) await suite.port.resizeVolume(id, 256);
  else expect(await failure(suite.port.resizeVolume(id, 256))).toMatchObject({ code: "VOLUME_IN_USE" });
  const fill = "dd if=/dev/zero of=/data/more bs=1M count=128 2> /dev/null && echo fits || echo full";
  const { stdout } = await runInside(sandbox, `cat /data/file; ${fill}`);
  expect(stdout).toBe(`kept\n${canGrowMounted() ? "fits" : "full"}\n`);
  await suite.port.remove(sandbox.id);
  await suite.port.resizeVolume(id, 256);
  const again = await createWith(at(id));
  expect((await runInside(again, fill)).stdout).toBe("fits\n");
  await suite.port.remove(again.id);
}, 30_000);

test("a volume of any size from 1 MB works, and creating it again is the same volume", async () => {
  for (const sizeMiB of [1, 2, 7, 10_000]) {
    const id = await newVolume(sizeMiB);
    await suite.port.createVolume(id, sizeMiB);
    expect((await failure(suite.port.createVolume(id, sizeMiB + 1))).code).toBe("VOLUME_ALREADY_EXISTS");
    await suite.port.removeVolume(id);
    await suite.port.removeVolume(id);
  }
  expect((await failure(newVolume(16_000_000))).code).toBe("HOST_FULL");
}, 30_000);

test("F231 an ephemeral volume lives and dies with its sandbox, its restarts included", async () => {
  const id = VolumeId.parse(randomId());
  const sandbox = await createWith({ ...at(id, "/scratch"), sizeMiB: 16 });
  await runInside(sandbox, "echo kept > /scratch/file");
  await stopFromInside(sandbox);
  const again = await suite.port.wake(sandbox.id);
  expect((await runInside(again, "cat /scratch/file; df -m /scratch | tail -1 | awk '{ print $2 < 16 }'")).stdout).toBe(
    "kept\n1\n",
  );
  await suite.port.remove(sandbox.id);
  expect(existsSync(join(suite.data.dir, "sandboxes", sandbox.id))).toBe(false);
}, 30_000);

test("a restarted sandbox has its volume again", async () => {
  const id = await newVolume();
  const sandbox = await createWith(at(id));
  await runInside(sandbox, "echo kept > /data/file");
  await stopFromInside(sandbox);
  expect((await failure(createWith(at(id)))).code).toBe("VOLUME_IN_USE");
  expect((await runInside(await suite.port.wake(sandbox.id), "cat /data/file")).stdout).toBe("kept\n");
  await suite.port.remove(sandbox.id);
}, 30_000);

test("volumes may lie in each other and over what the image has; the system's files stay in sight", async () => {
  const [outer, inner] = [await newVolume(), await newVolume()];
  const sandbox = await createWith(at(inner, "/opt/a/b/c"), at(outer, "/opt/a"));
  await runInside(sandbox, "echo in > /opt/a/b/c/file; echo out > /opt/a/file");
  expect((await runInside(sandbox, "cat /opt/a/b/c/file /opt/a/file; cat /proc/1/comm")).exitCode).toBe(0);
  await suite.port.remove(sandbox.id);
}, 30_000);

test("a folder the sandbox has turned into a link does not bring its volume over the system's files at a restart", async () => {
  const id = await newVolume();
  const sandbox = await createWith(at(id, "/data/inner"));
  await runInside(
    sandbox,
    "mkdir -p /data/inner/1; echo forged > /data/inner/cmdline; mv /data /moved; ln -s / /data; ln -s /proc /inner",
  );
  await stopFromInside(sandbox);
  const again = await suite.port.wake(sandbox.id);
  const { stdout } = await runInside(again, "cat /proc/cmdline; cat /proc/kcore 2>&1 | head -c 1 | wc -c");
  expect(stdout).not.toContain("forged");
  await suite.port.remove(sandbox.id);
}, 30_000);

test("a create that fails leaves its volume free and nothing mounted", async () => {
  const id = await newVolume();
  expect((await failure(suite.port.create(newSpec({ image: "no-such-image", volumes: [at(id)] })))).code).toBe(
    "INVALID_IMAGE",
  );
  const blocked = newSpec({ volumes: [at(id, "/etc/passwd")] });
  expect((await failure(suite.port.create(blocked))).code).toBe("SANDBOX_START_FAILED");
  const sandbox = await createWith(at(id));
  await suite.port.remove(sandbox.id);
}, 30_000);

test("a sandbox goes on with its volume when the engine is killed; the next one keeps it attached and lets go of it later", async () => {
  const id = await newVolume();
  const sandbox = await createWith(at(id), { ...at(VolumeId.parse(randomId()), "/scratch"), sizeMiB: 8 });
  await suite.engine.kill();
  expect((await runInside(sandbox, "echo kept > /data/file; cat /data/file")).stdout).toBe("kept\n");
  suite.engine = await suite.data.start();
  expect((await runInside(sandbox, "cat /data/file; touch /scratch/x && echo writes")).stdout).toBe("kept\nwrites\n");
  expect((await failure(createWith(at(id)))).code).toBe("VOLUME_IN_USE");
  await suite.port.remove(sandbox.id);
  const next = await createWith(at(id));
  expect((await runInside(next, "cat /data/file")).stdout).toBe("kept\n");
  await suite.port.remove(next.id);
}, 30_000);

test("an engine killed while it creates sandboxes with volumes leaves no loop device and no half of a volume", async () => {
  for (let round = 0; round < 4; round++) {
    const ids = await Promise.all(Array.from({ length: 3 }, () => newVolume(8)));
    const creates = ids.map((id) => createWith(at(id)).catch(() => undefined));
    const drafts = Array.from({ length: 2 }, () => newVolume(8).catch(() => undefined));
    await Bun.sleep(10 + round * 12);
    await suite.engine.kill();
    await Promise.all([...creates, ...drafts]);
    suite.engine = await suite.data.start();
    for (const { id } of await suite.port.list()) await suite.port.remove(id);
    for (const id of ids) {
      const sandbox = await createWith(at(id));
      expect((await runInside(sandbox, "touch /data/file && echo writes")).stdout).toBe("writes\n");
      await suite.port.remove(sandbox.id);
    }
  }
}, 60_000);
