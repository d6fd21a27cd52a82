import { existsSync, mkdtempSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ImageStore } from "@dormouse/engine";
import type { BenchContext } from "./context.ts";
import { type Figure, ms } from "./figure.ts";
import { median, round, timeMs } from "./stats.ts";

const CGROUPS = "/sys/fs/cgroup";
/** podman makes these groups and leaves them. */
const PODMAN_GROUPS = ["libpod_parent/conmon", "libpod_parent"];
/** podman would raise them, which needs a right that a machine may not give. */
const LIMITS = ["--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024"];
const NAME = "bench";

/** Create to first exec result in podman, with the same root, runtime and machine, and in ours, in turn. Neither has a network of podman's. */
export async function benchPodman({ api, dormouse, isQuick }: BenchContext): Promise<Figure[]> {
  if (Bun.which("podman") === null) {
    console.log("podman: not measured, as it is not installed");
    return [];
  }
  const dir = mkdtempSync(join(dormouse.dataDir, "podman-"));
  const images = new ImageStore(join(dormouse.dataDir, "images"));
  const [layer = ""] = images.resolve("blaxel/base-image").layers;
  const podman = podmanIn(dir);
  const root = `${images.layerDir(layer)}:O`;
  const samples: Record<"create" | "exec" | "wake" | "ours", number[]> = { create: [], exec: [], wake: [], ours: [] };
  try {
    for (let turn = 0; turn < (isQuick ? 3 : 15); turn++) {
      samples.create.push(
        await timeMs(async () => {
          const options = ["--detach", "--name", NAME, "--network=none", "--log-driver=none", ...LIMITS];
          await podman(["run", ...options, "--rootfs", root, "sleep", "600"]);
          await podman(["exec", NAME, "true"]);
        }),
      );
      samples.exec.push(await timeMs(() => podman(["exec", NAME, "true"])));
      await podman(["pause", NAME]);
      samples.wake.push(
        await timeMs(async () => {
          await podman(["unpause", NAME]);
          await podman(["exec", NAME, "true"]);
        }),
      );
      await podman(["rm", "--force", "--time=0", NAME]);
      samples.ours.push(
        await timeMs(async () => {
          await (await api.create(`beside-${turn}`)).exec("true");
        }),
      );
      await api.remove(`beside-${turn}`);
    }
  } finally {
    await podman(["rm", "--force", "--ignore", "--time=0", NAME]);
    rmSync(dir, { recursive: true, force: true });
    removePodmanGroups();
  }
  const [createMs, execMs, wakeMs, oursMs] = [samples.create, samples.exec, samples.wake, samples.ours].map(median);
  return [
    {
      key: "podman_ms",
      value: {
        create_to_exec: round(oursMs ?? 0),
        podman_create_to_exec: round(createMs ?? 0),
        podman_exec: round(execMs ?? 0),
        podman_unpause_and_exec: round(wakeMs ?? 0),
      },
      title: "create → first exec, and podman's",
      text: `p50 ${ms(oursMs ?? 0)}`,
      beside: `podman with crun and the same root: ${ms(createMs ?? 0)}; its exec ${ms(execMs ?? 0)}, unpause and exec ${ms(wakeMs ?? 0)}`,
    },
  ];
}

/** Its files are in `dir`; in a mount namespace of its own, because crun refuses a hybrid host's v2 tree. */
function podmanIn(dir: string): (command: readonly string[]) => Promise<void> {
  const places = [`--root=${dir}/root`, `--runroot=${dir}/run`, `--tmpdir=${dir}/tmp`];
  const podman = ["podman", ...places, "--cgroup-manager=cgroupfs", "--events-backend=none", "--runtime=crun"];
  const script = `umount ${CGROUPS}/unified 2> /dev/null; exec "$@"`;
  return async (command) => {
    const child = Bun.spawn(
      ["unshare", "--mount", "--propagation=private", "sh", "-c", script, "sh", ...podman, ...command],
      {
        stdio: ["ignore", "ignore", "inherit"],
      },
    );
    if ((await child.exited) !== 0) throw new Error(`podman ${command[0]} failed`);
  };
}

/** Where no other podman uses them. */
function removePodmanGroups(): void {
  const trees = existsSync(join(CGROUPS, "cgroup.controllers"))
    ? [CGROUPS]
    : readdirSync(CGROUPS).map((tree) => join(CGROUPS, tree));
  for (const group of trees.flatMap((tree) => PODMAN_GROUPS.map((name) => join(tree, name)))) {
    try {
      rmdirSync(group);
    } catch {
      continue;
    }
  }
}
