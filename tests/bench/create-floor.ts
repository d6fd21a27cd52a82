import { existsSync, mkdirSync, writeFileSync, openSync } from "node:fs";
import { join } from "node:path";
import { openReadyPipe, runCommand } from "@dormouse/engine";
import { timeMs } from "./stats.ts";

/*
 * Measures `crun run` of an empty bundle and the start of the agent on the host; prints `[{ crunMs, agentMs }]`. Run in a
 * mount namespace of its own, because crun refuses a hybrid host's v2 tree. Arguments: folder with `rootfs`, agent, rounds.
 */
const [dir = "", agentFile = "", rounds = ""] = process.argv.slice(2);
const UNIFIED = "/sys/fs/cgroup/unified";
const MAPPING = [{ containerID: 0, hostID: 100_000, size: 65_536 }];

const CONFIG = {
  ociVersion: "1.0.2",
  root: { path: join(dir, "rootfs") },
  process: { user: { uid: 0, gid: 0 }, cwd: "/", args: ["/bin/true"], env: ["PATH=/bin"] },
  mounts: [
    { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
    { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "strictatime", "mode=755", "size=1m"] },
    { destination: "/usr", type: "bind", source: "/usr", options: ["bind", "ro", "nosuid", "nodev"] },
  ],
  linux: {
    namespaces: [
      ...["pid", "ipc", "uts", "mount", "user", "cgroup"].map((type) => ({ type })),
      // An existing one, as the engine's come from a pool.
      { type: "network", path: "/proc/self/ns/net" },
    ],
    uidMappings: MAPPING,
    gidMappings: MAPPING,
  },
};

const terminal = openSync(join(dir, "terminal"), "w+");

async function runCrun(id: string): Promise<void> {
  const child = Bun.spawn(
    [
      "crun",
      `--root=${dir}/run`,
      "--cgroup-manager=disabled",
      "run",
      "--detach",
      `--bundle=${dir}`,
      `--pid-file=${dir}/pid`,
      id,
    ],
    // Never /dev/null (decision 0004).
    { stdio: [terminal, terminal, terminal] },
  );
  if ((await child.exited) !== 0) throw new Error("crun cannot run an empty bundle");
}

/** From its spawn to the moment it says that it serves. */
async function startAgent(stop: AbortSignal): Promise<void> {
  const child = Bun.spawn([agentFile, "--port", "0"], {
    stdio: ["ignore", "ignore", "inherit", "pipe"],
    env: { DORMOUSE_READY_FD: "3", SANDBOX_LOG_DIR: join(dir, "log") },
  });
  stop.addEventListener("abort", () => child.kill("SIGKILL"));
  using pipe = openReadyPipe(child.stdio[3]);
  await pipe.said;
}

if (existsSync(UNIFIED)) await runCommand(["umount", "--lazy", UNIFIED]);
mkdirSync(join(dir, "run"), { recursive: true });
writeFileSync(join(dir, "config.json"), JSON.stringify(CONFIG));
const measured = [];
for (let index = 0; index < Number(rounds); index++) {
  const id = `dormouse-floor-${process.pid}-${index}`;
  const crunMs = await timeMs(() => runCrun(id));
  await runCommand(["crun", `--root=${dir}/run`, "--cgroup-manager=disabled", "delete", "--force", id]);
  const stop = new AbortController();
  const agentMs = await timeMs(() => startAgent(stop.signal));
  stop.abort();
  measured.push({ crunMs, agentMs });
}
process.stdout.write(JSON.stringify(measured));
process.exit(0);
