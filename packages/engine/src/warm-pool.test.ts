import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { EngineCreation, EngineSandbox, EngineSandboxSpec, SandboxId } from "@dormouse/schema";
import { failure, newSpec, runInside, useEngine } from "../testkit/index.ts";

const BASE = "base-image:latest";
const FULL_MS = 20_000;

const suite = useEngine();

const folders = (): string[] => readdirSync(join(suite.data.dir, "sandboxes"));

/** Restarts the engine with a pool. */
async function keepReady(count: number): Promise<void> {
  if (suite.engine.isAlive) await suite.engine.stop();
  suite.engine = await suite.data.start({ warmPool: { [BASE]: count } });
}

const readyIds = (): Promise<SandboxId[]> => suite.port.readyIds("blaxel/base-image");

/** The first and the last of those that are ready, once there are as many; the pool fills by itself. */
async function untilReady(count: number): Promise<[SandboxId, SandboxId]> {
  const deadlineMs = performance.now() + FULL_MS;
  while (performance.now() < deadlineMs) {
    const ids = await readyIds();
    const [first, last] = [ids[0], ids.at(-1)];
    if (ids.length >= count && first !== undefined && last !== undefined) return [first, last];
    await Bun.sleep(20);
  }
  throw new Error(`the pool has ${(await readyIds()).length} sandboxes`);
}

/** Resolves when a sandbox that was kept ready has become one of ours. */
async function createWarm(overrides: Partial<EngineSandboxSpec> = {}): Promise<EngineCreation> {
  const [id] = await untilReady(1);
  return suite.port.create(newSpec({ id, ...overrides }));
}

const LOOK = [
  "hostname",
  "cat /etc/hosts",
  "env | grep -v -e '^PWD=' -e '^SHLVL=' -e '^_=' | sort",
  "id",
  "pwd",
  "ulimit -a",
  "cat /proc/self/uid_map /proc/self/cgroup | sed 's/[a-z0-9]*-[a-z0-9]*//g'",
  "grep -E '^(Cap|Seccomp:|NoNewPrivs)' /proc/self/status",
  "cut -d' ' -f2- /proc/self/mounts | sed 's/,size=[0-9k]*//'",
  "ps -eo user,args --no-headers | grep -v -e ps -e sh -e sed",
].join("; ");

/** Each sandbox has other ones. */
const HOST_ID = /\b2\d{9}\b/g;

test("one that was kept ready is what a start of its own would have made", async () => {
  await keepReady(1);
  const spec = {
    hostname: "mine",
    memoryMiB: 300,
    cpuCount: 2,
    env: { GREETING: "hello\nthere", NODE_OPTIONS: "--no-warnings", TZ: "Asia/Tokyo", BL_NAME: "mine" },
  };
  const warm = await createWarm(spec);
  const cold = await suite.port.create(newSpec(spec));
  const look = async (sandbox: EngineSandbox): Promise<string> =>
    (await runInside(sandbox, LOOK)).stdout.replaceAll(sandbox.id, "ID").replaceAll(HOST_ID, "HOST ID");
  const seen = await look(warm);
  expect(seen).toBe(await look(cold));
  for (const part of ["mine\n", "GREETING=hello\n", "TZ=Asia/Tokyo"]) expect(seen).toContain(part);
  expect(await limitsOf(warm)).toEqual(await limitsOf(cold));
  await suite.port.sleep(warm.id);
  expect((await suite.port.wake(warm.id)).state).toBe("running");
  await Promise.all([warm, cold].map(({ id }) => suite.port.remove(id)));
}, 60_000);

/** Memory and CPU limits as the host has them. */
async function limitsOf({ id }: EngineSandbox): Promise<string[]> {
  const files = ["memory.limit_in_bytes", "cpu.cfs_quota_us", "memory.max", "cpu.max"];
  const glob = new Bun.Glob(`**/dormouse-*/${id}/{${files.join(",")}}`);
  const found = await Array.fromAsync(glob.scan({ cwd: "/sys/fs/cgroup", absolute: true }));
  return found.map((file) => readFileSync(file, "utf8")).toSorted();
}

test("one that was kept ready does everything as the user its environment names", async () => {
  await keepReady(1);
  const sandbox = await createWarm({ env: { BL_SANDBOX_USER: "nobody" } });
  expect((await runInside(sandbox, "id -un; date +%Z")).stdout).toBe("nobody\nUTC\n");
  const { stdout } = await runInside(sandbox, "cd /var/log/sandbox-api; stat -c '%U %a' . run-*");
  expect(stdout).toBe("nobody 711\nnobody 700\n");
  await suite.port.remove(sandbox.id);
}, 60_000);

test("one that was kept ready logs where its environment says, and nothing is left of where it would have", async () => {
  await keepReady(1);
  const sandbox = await createWarm({ env: { SANDBOX_LOG_DIR: "/srv/logs" } });
  const { stdout } = await runInside(sandbox, "stat -c %a /srv/logs/run-*; ls -d /var/log/sandbox-api");
  expect(stdout).toBe("700\n");
  await suite.port.remove(sandbox.id);
}, 60_000);

test("those kept ready are in no list and cannot be had by another way; what they do not fit is started anew under the id", async () => {
  await keepReady(1);
  const [id] = await untilReady(1);
  expect(folders()).toEqual([id]);
  expect(await suite.port.list()).toEqual([]);
  expect((await failure(suite.port.get(id))).code).toBe("SANDBOX_NOT_FOUND");
  const volume = { id: "scratch1" as never, mountPath: "/scratch", readOnly: false, sizeMiB: 16 };
  const sandbox = await createWarm({ volumes: [volume] });
  expect((await runInside(sandbox, "mount | grep -c /scratch")).stdout).toBe("1\n");
  await suite.port.remove(sandbox.id);
}, 60_000);

test("a killed engine's pool ends with it, and the next engine sweeps it away and fills its own", async () => {
  await keepReady(2);
  await suite.port.remove((await createWarm()).id);
  await suite.engine.kill();
  await keepReady(0);
  expect(folders()).toEqual([]);
  expect(await readyIds()).toEqual([]);
}, 60_000);

test("a create is told which others are ready, so that the next one need not ask", async () => {
  await keepReady(2);
  const [first, second] = await untilReady(2);
  const created = await suite.port.create(newSpec({ id: first }));
  expect(created.readyIds).toEqual([second]);
  expect((await failure(suite.port.create(newSpec({ id: first })))).code).toBe("SANDBOX_ALREADY_EXISTS");
  await suite.port.remove(first);
}, 60_000);

test("an engine that stops takes its pool off the machine", async () => {
  await keepReady(2);
  await suite.port.remove((await createWarm()).id);
  await suite.engine.stop();
  expect(folders()).toEqual([]);
  expect(await suite.traces()).toEqual([]);
}, 60_000);
