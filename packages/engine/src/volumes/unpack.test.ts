import { afterEach, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { randomId } from "@dormouse/kernel";
import { tarBytes, type TestEntry, zipOf } from "@dormouse/kernel/testkit";
import { type UnpackedVolume, VolumeId } from "@dormouse/schema";
import { failure, newSpec, runInside, useEngine } from "../../testkit/index.ts";
import { readOrEmpty } from "../read-or-empty.ts";

const suite = useEngine();

/** Nothing is mounted once the sandboxes are removed, and nothing on disk once the volumes are removed too. */
afterEach(async () => {
  for (const { id } of await suite.port.list()) await suite.port.remove(id);
  expect((await suite.traces()).filter((trace) => trace.startsWith("loop"))).toEqual([]);
  for (const file of volumeFiles()) await suite.port.removeVolume(VolumeId.parse(file.replace(/\.img$/, "")));
  expect(volumeFiles()).toEqual([]);
});

const volumeFiles = (): string[] => readdirSync(join(suite.data.dir, "volumes"));
const newId = (): VolumeId => VolumeId.parse(randomId());
const fileOf = (id: VolumeId): string => join(suite.data.dir, "volumes", `${id}.img`);
const streamOf = (archive: Buffer): ReadableStream<Uint8Array> => new Blob([archive]).stream();

const unpack = (id: VolumeId, archive: Buffer, sizeMiB = 64): Promise<UnpackedVolume> =>
  suite.port.unpackVolume(id, sizeMiB, streamOf(archive));

async function unpacked(entries: readonly TestEntry[], sizeMiB = 64): Promise<VolumeId> {
  const id = newId();
  await unpack(id, zipOf(entries), sizeMiB);
  return id;
}

async function copyOf(source: VolumeId, sizeMiB: number): Promise<VolumeId> {
  const id = newId();
  await suite.port.createVolume(id, sizeMiB, source);
  return id;
}

const createWith = (id: VolumeId) =>
  suite.port.create(newSpec({ volumes: [{ id, mountPath: "/data", readOnly: false }] }));

/** What a command prints in a sandbox that has the volume; the sandbox is gone then. */
async function inside(id: VolumeId, command: string): Promise<string> {
  const sandbox = await createWith(id);
  const { stdout } = await runInside(sandbox, command);
  await suite.port.remove(sandbox.id);
  return stdout;
}

test("F233 volumes made of an archive have its content, root's own, at every size it fits into", async () => {
  const source = await unpacked([
    { name: "bin/run.sh", content: "#!/bin/sh\necho ran\n", unixMode: 0o106755 },
    { name: "notes/", unixMode: 0o040700 },
    { name: "notes/a.txt", content: "first" },
    { name: "large.bin", content: randomBytes(5 * 1024 * 1024) },
  ]);
  const [small, large] = [await copyOf(source, 16), await copyOf(source, 512)];
  const look =
    "cd /data && ls -A && /data/bin/run.sh && cat notes/a.txt && echo && stat -c '%U:%G %a %n' . notes bin/run.sh";
  for (const id of [small, large]) {
    expect(await inside(id, look)).toBe(
      "bin\nlarge.bin\nnotes\nran\nfirst\nroot:root 755 .\nroot:root 700 notes\nroot:root 755 bin/run.sh\n",
    );
  }
  expect(statSync(fileOf(small)).size).toBe(16 * 1024 * 1024);
  const fill = (countMiB: number) =>
    `dd if=/dev/zero of=/data/x bs=1M count=${countMiB} 2> /dev/null && echo fits || echo full`;
  expect(await inside(small, fill(16))).toBe("full\n");
  expect(await inside(large, fill(400))).toBe("fits\n");
  expect((await failure(copyOf(source, 4))).message).toMatch(
    /^Cannot make a volume of 4 MB: its content needs \d+ MB$/,
  );
}, 60_000);

test("F233 a TAR file makes the same, with links that stay inside", async () => {
  const tar = tarBytes([
    { name: "bin/run.sh", content: "#!/bin/sh\necho ran\n", mode: 0o6755, userId: 1000 },
    { name: "run", type: "link", linkTo: "bin/run.sh" },
  ]);
  for (const archive of [tar, gzipSync(tar)]) {
    const id = newId();
    await unpack(id, Buffer.from(archive));
    expect(await inside(id, "/data/run; stat -c '%U:%G %a %N' /data/bin/run.sh /data/run")).toBe(
      "ran\nroot:root 755 '/data/bin/run.sh'\nroot:root 777 '/data/run' -> 'bin/run.sh'\n",
    );
  }
}, 60_000);

test("F233 writing to a volume changes neither what it was made of nor other volumes, which outlive it", async () => {
  const source = await unpacked([{ name: "file", content: "original" }]);
  const before = Bun.hash(readFileSync(fileOf(source)));
  const first = await copyOf(source, 16);
  expect(await inside(first, "echo changed > /data/file; rm -rf /data/l*; cat /data/file")).toBe("changed\n");
  const second = await copyOf(source, 16);
  expect(await inside(second, "cat /data/file")).toBe("original");
  expect(Bun.hash(readFileSync(fileOf(source)))).toBe(before);
  await suite.port.removeVolume(source);
  expect(await inside(second, "cat /data/file")).toBe("original");
  expect(await inside(first, "cat /data/file")).toBe("changed\n");
  expect((await failure(copyOf(source, 16))).code).toBe("VOLUME_NOT_FOUND");
}, 60_000);

test("F233 the smallest volumes are made of archives too, and grow", async () => {
  for (const sizeMiB of [1, 2, 7]) {
    const source = await unpacked([{ name: "file", content: "small" }], sizeMiB);
    for (const copyMiB of [sizeMiB, 2000]) {
      const id = await copyOf(source, copyMiB);
      await suite.port.createVolume(id, copyMiB, source);
      expect(await inside(id, "cat /data/file; df -m /data | tail -1 | awk '{ print ($2 > 1900) }'")).toBe(
        `small${copyMiB === 2000 ? 1 : 0}\n`,
      );
    }
  }
}, 60_000);

test("a volume that a sandbox has is not copied", async () => {
  const source = newId();
  await suite.port.createVolume(source, 16);
  const sandbox = await createWith(source);
  expect((await failure(copyOf(source, 16))).code).toBe("VOLUME_IN_USE");
  await suite.port.remove(sandbox.id);
}, 30_000);

test.each<readonly [string, Buffer, string]>([
  ["no archive", Buffer.from("hello"), "neither a ZIP nor a TAR file"],
  ["an empty body", Buffer.alloc(0), "neither a ZIP nor a TAR file"],
  ["a path that climbs", zipOf([{ name: "../x", content: "x" }]), '".."'],
  ["a symbolic link", zipOf([{ name: "x", content: "/etc/passwd", unixMode: 0o120777 }]), "symbolic link"],
  ["a link out of a TAR file", tarBytes([{ name: "x", type: "link", linkTo: "../x" }]), "leads out"],
  ["a TAR file's bomb", gzipSync(tarBytes([{ name: "x", content: Buffer.alloc(24 * 1024 * 1024) }])), "250 times"],
  ["a bomb", zipOf([{ name: "x", content: Buffer.alloc(24 * 1024 * 1024) }]), "250 times"],
  ["too much content", zipOf([{ name: "x", content: Buffer.alloc(80 * 1024 * 1024) }]), "there is room for"],
  ["too many files", zipOf(Array.from({ length: 20_000 }, (_, at) => ({ name: `${at}` }))), "no room left"],
])(
  "F233 an archive with %s is refused with a sentence, and leaves nothing",
  async (_title, archive, sentence) => {
    const error = await failure(unpack(newId(), archive));
    expect(error).toMatchObject({ code: "INVALID_ARGUMENT", message: expect.stringContaining(sentence) });
    expect(volumeFiles()).toEqual([]);
  },
  30_000,
);

test("F233 an archive larger than the volume is refused while it comes", async () => {
  let sentMiB = 0;
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      sentMiB += 1;
      controller.enqueue(new Uint8Array(1024 * 1024));
    },
  });
  expect((await failure(suite.port.unpackVolume(newId(), 8, endless))).code).toBe("TOO_LARGE");
  expect(sentMiB).toBeLessThan(64);
  expect(volumeFiles()).toEqual([]);
}, 30_000);

/** Gives the archive's first half, and the rest never. */
const halfOf = (archive: Buffer): ReadableStream<Uint8Array> =>
  new ReadableStream({ start: (controller) => controller.enqueue(archive.subarray(0, archive.length / 2)) });

/** Resolves once the engine's folder of volumes has a file with this ending. */
async function untilThereIs(ending: string): Promise<void> {
  while (!volumeFiles().some((file) => file.endsWith(ending))) await Bun.sleep(1);
}

const LARGE = zipOf([{ name: "x", content: randomBytes(16 * 1024 * 1024) }]);

test("removing a volume ends its making, also while its archive is still on the way", async () => {
  const id = newId();
  const making = failure(suite.port.unpackVolume(id, 64, halfOf(LARGE)));
  await untilThereIs(".archive.new");
  await suite.port.removeVolume(id);
  expect((await making).code).toBe("VOLUME_NOT_FOUND");
  expect(volumeFiles()).toEqual([]);
}, 30_000);

test("an upload that is cut off leaves nothing", async () => {
  const id = newId();
  const cut = new ReadableStream<Uint8Array>({
    async start(controller) {
      controller.enqueue(LARGE.subarray(0, 1024 * 1024));
      await untilThereIs(".archive.new");
      controller.error(new Error("cut off"));
    },
  });
  expect((await failure(suite.port.unpackVolume(id, 64, cut))).code).toBe("ENGINE_UNAVAILABLE");
  await suite.port.removeVolume(id);
  expect(volumeFiles()).toEqual([]);
}, 30_000);

/** Of a process that unpacks into this volume, once it is confined; outside. */
async function untilUnpacking(id: VolumeId): Promise<number> {
  for (;;) {
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      const [command, status] = ["cmdline", "status"].map((file) => readOrEmpty(`/proc/${pid}/${file}`));
      if (command?.includes("/sandbox-api\0--unpack-into") && command.includes(id) && status?.includes("Uid:\t100000"))
        return Number(pid);
    }
    await Bun.sleep(0);
  }
}

test("what unpacks has no rights, sees nothing but the volume, and ends with the engine", async () => {
  const id = newId();
  const making = unpack(id, LARGE).catch(() => undefined);
  const pid = await untilUnpacking(id);
  process.kill(pid, "SIGSTOP");
  const namespaces = (of: number | string): string[] =>
    ["pid", "net", "ipc"].map((kind) => readlinkSync(`/proc/${of}/ns/${kind}`));
  expect(readdirSync(`/proc/${pid}/root/`)).not.toContain("etc");
  expect(namespaces(pid).filter((name) => namespaces("self").includes(name))).toEqual([]);
  const threads = readdirSync(`/proc/${pid}/task`);
  for (const thread of threads) {
    const status = readFileSync(`/proc/${pid}/task/${thread}/status`, "utf8");
    expect(status).toMatch(/^Uid:(\t100000){4}\nGid:(\t100000){4}$/m);
    expect(status).toMatch(/^Groups:\s*$/m);
    expect(status).toMatch(/^CapPrm:\t0+\nCapEff:\t0+$/m);
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
  }
  await suite.engine.kill();
  await making;
  while (existsSync(`/proc/${pid}`)) await Bun.sleep(5);
  suite.engine = await suite.data.start();
}, 30_000);

test("an engine killed while it unpacks leaves no process, no loop device and no half of a volume", async () => {
  for (const ending of [".archive.new", ".img.new", ".img.new"]) {
    const making = unpack(newId(), LARGE).catch(() => undefined);
    await untilThereIs(ending);
    await suite.engine.kill();
    await making;
    suite.engine = await suite.data.start();
    expect(volumeFiles().filter((file) => !file.endsWith(".img"))).toEqual([]);
    for (const file of volumeFiles()) await suite.port.removeVolume(VolumeId.parse(file.replace(".img", "")));
  }
  expect(existsSync(fileOf(await unpacked([{ name: "x", content: "x" }])))).toBe(true);
}, 60_000);
