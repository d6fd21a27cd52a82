import { expect, test } from "bun:test";
import { chownSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { EngineSandbox, VolumeId } from "@dormouse/schema";
import { instanceName } from "../instance.ts";
import {
  addBaseImage,
  killAllIn,
  newSpec,
  runInside,
  TestData,
  tracesOnMachine,
  useEngine,
} from "../../testkit/index.ts";
import { ID_COUNT } from "../user-namespace.ts";

const suite = useEngine();

/** Users that the processes of a sandbox are on the host. */
function usersOf({ freezeFile }: EngineSandbox): Set<number> {
  const pids = readFileSync(join(dirname(freezeFile), "cgroup.procs"), "utf8")
    .trim()
    .split("\n");
  return new Set(pids.map((pid) => statSync(`/proc/${pid}`).uid));
}

/** Root inside, on the host. */
const rootOf = (sandbox: EngineSandbox): number => Math.min(...usersOf(sandbox));

const upperOf = ({ id }: EngineSandbox): string => join(suite.data.dir, "sandboxes", id, "upper");

const ownerOnDisk = (file: string): number[] => [statSync(file).uid, statSync(file).gid];

const stdout = async (sandbox: EngineSandbox, command: string): Promise<string> =>
  (await runInside(sandbox, command)).stdout.trim();

const MAKE = "touch /root-has; touch /www-has; chown 33:34 /www-has; stat -c %u:%g /bin/sh /root-has /www-has";

test("two sandboxes are other users outside; inside both are root, and on the disk their files have the same owners", async () => {
  const both = [await suite.port.create(newSpec()), await suite.port.create(newSpec())];
  const [one = 0, other = 0] = both.map(rootOf);
  expect(Math.abs(one - other)).toBeGreaterThanOrEqual(ID_COUNT);
  for (const sandbox of both) {
    expect(await stdout(sandbox, MAKE)).toBe("0:0\n0:0\n33:34");
    expect(ownerOnDisk(join(upperOf(sandbox), "root-has"))).toEqual([100_000, 100_000]);
    expect(ownerOnDisk(join(upperOf(sandbox), "www-has"))).toEqual([100_033, 100_034]);
  }
  for (const { id } of both) await suite.port.remove(id);
});

test("files a volume or an earlier version has left have their owners, whichever ids the sandbox has", async () => {
  await suite.port.createVolume("moving" as VolumeId, 16);
  const volumes = [{ id: "moving" as VolumeId, mountPath: "/data", readOnly: false }];
  const first = await suite.port.create(newSpec({ volumes }));
  await runInside(first, "echo kept > /data/file; chmod 600 /data/file; chown 33:34 /data/file");
  const others = [await suite.port.create(newSpec()), await suite.port.create(newSpec())];
  await suite.port.remove(first.id);
  const second = await suite.port.create(newSpec({ volumes }));
  const seen = "stat -c '%u:%g %a' /data/file; cat /data/file; chown 7 /data/file; stat -c %u /data/file";
  expect(await stdout(second, seen)).toBe("33:34 600\nkept\n7");
  await Promise.all([second, ...others].map(({ id }) => suite.port.remove(id)));
  await suite.port.removeVolume("moving" as VolumeId);
});

test("a sandbox that starts again has its files, capabilities of programs and access lists too, with whichever ids", async () => {
  const sandbox = await suite.port.create(newSpec());
  const earlier = rootOf(sandbox);
  const give = `python3 - <<'END'
import os, struct
open("/program", "w").close()
os.setxattr("/program", "security.capability", struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0))
open("/listed", "w").close()
entries = [(1, 6, 0xffffffff), (2, 4, 33), (4, 4, 0xffffffff), (16, 4, 0xffffffff), (32, 0, 0xffffffff)]
os.setxattr("/listed", "system.posix_acl_access", struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in entries))
END`;
  const read = `python3 -c '
import os
print(os.getxattr("/program", "security.capability").hex(), os.getxattr("/listed", "system.posix_acl_access").hex())'`;
  await runInside(sandbox, `${give}\n${MAKE}`);
  const before = await stdout(sandbox, read);
  expect(before).toMatch(/^\w{40} \w{88}$/);
  writeFileSync(join(upperOf(sandbox), "earlier"), "");
  chownSync(join(upperOf(sandbox), "earlier"), 100_033, 100_034);
  await suite.engine.kill();
  suite.engine = await suite.data.start();
  /* Its ids are not among those that are prepared now. */
  await killAllIn(suite.port, sandbox);
  const again = await suite.port.wake(sandbox.id);
  expect(await stdout(again, "stat -c %u:%g /root-has /www-has /earlier")).toBe("0:0\n33:34\n33:34");
  expect([rootOf(again) === earlier, await stdout(again, read)]).toEqual([false, before]);
  await suite.port.remove(sandbox.id);
});

test("no two that run have the same ids: those that outlived an engine, those of the next, and those of another beside it", async () => {
  const made = await Promise.all(Array.from({ length: 3 }, () => suite.port.create(newSpec({ memoryMiB: 128 }))));
  const before = made.map(rootOf);
  await suite.engine.kill();
  suite.engine = await suite.data.start();
  /* More than one block of ids holds. */
  for (let count = 0; count < 34; count++) made.push(await suite.port.create(newSpec({ memoryMiB: 128 })));
  expect(made.slice(0, 3).map(rootOf)).toEqual(before);
  const instance = await withOtherEngine(async (other) => {
    const all = [...made, other].map(rootOf);
    expect(new Set(all.map((root) => Math.floor(root / ID_COUNT))).size).toBe(all.length);
  });
  expect(await tracesOnMachine(instance)).toEqual([]);
  await Promise.all(made.map(({ id }) => suite.port.remove(id)));
}, 120_000);

/** Resolves with the name of that engine, when it has ended. */
async function withOtherEngine(use: (sandbox: EngineSandbox) => Promise<void>): Promise<string> {
  await using data = new TestData();
  await addBaseImage(data.dir);
  const engine = await data.start();
  await use(await engine.port.create(newSpec()));
  return instanceName(data.dir);
}
