import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, openSync, readFileSync, realpathSync, rmdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { AppError } from "@dormouse/kernel";
import { Claims } from "./claims.ts";
import { IdRanges } from "./ids/id-ranges.ts";
import { Layout } from "./layout.ts";
import { detachMount, mountTmpfs, tryLock } from "./syscalls.ts";

/** Run-time root of every Dormouse on this machine. */
export const RUN_ROOT = "/run/dormouse";
const SUBNETS = new Claims(join(RUN_ROOT, "subnets"));
const ID_BLOCKS = new Claims(join(RUN_ROOT, "ids"));
const FIRST_SUBNET = 201;
const LAST_SUBNET = 250;

/** What keeps several engines on one machine apart: a short name for links, groups and tables, a /16 of addresses, and user ids. */
export interface Instance {
  readonly name: string;
  /** Second octet of `10.<subnet>.0.0/16`. */
  readonly subnet: number;
  /** User ids of the host for its sandboxes. */
  readonly idRanges: IdRanges;
  readonly layout: Layout;
}

/** The engine's folder under `RUN_ROOT`: its socket, and the mount point of its private run-time files. */
export const instanceDir = (name: string): string => join(RUN_ROOT, name);

/** `dm` + 6 hex digits of the data folder's path. */
export const instanceName = (dataDir: string): string => instanceNameOf(realpathSync(dataDir));

export const instanceNameOf = (realDataDir: string): string =>
  createHash("sha256").update(realDataDir).digest("hex").slice(0, 6);

/** Claims the data folder for this process. @throws HOST_UNSUITABLE when another engine holds it */
export function claimInstance(dataDir: string): Instance {
  mkdirSync(dataDir, { recursive: true, mode: 0o711 });
  const name = instanceName(dataDir);
  const runDir = join(instanceDir(name), "private");
  const layout = new Layout(realpathSync(dataDir), runDir);
  if (!tryLock(openSync(layout.lockFile(), "w", 0o600))) {
    throw new AppError("HOST_UNSUITABLE", `Cannot use data folder "${dataDir}": another engine runs on it`, {
      hint: "Stop the other one, or choose another folder with --data",
    });
  }
  const dirs = [
    layout.sandboxesDir(),
    layout.imagesDir(),
    layout.volumesDir(),
    layout.buildsDir(),
    layout.buildCachesDir(),
  ];
  for (const dir of dirs) {
    mkdirSync(dir, { recursive: true });
    chmodSync(dir, 0o700);
  }
  mkdirSync(runDir, { recursive: true, mode: 0o755 });
  mountTmpfs(runDir);
  const subnet = claimSubnet(layout.dataDir);
  return { name, subnet, idRanges: new IdRanges(ID_BLOCKS, layout.dataDir), layout };
}

export interface AbandonedInstance {
  readonly name: string;
  readonly subnet: number;
  readonly dataDir: string;
}

/** Engines whose data folder was removed while they had sandboxes: nobody will ever take those up. */
export const abandonedInstances = (): AbandonedInstance[] =>
  SUBNETS.all().flatMap(({ number: subnet, owner: dataDir }) =>
    existsSync(dataDir) ? [] : [{ name: instanceNameOf(dataDir), subnet, dataDir }],
  );

/** Takes what is left of an engine under `RUN_ROOT` off the machine. */
export function forgetInstance({ name, subnet, dataDir }: AbandonedInstance): void {
  new IdRanges(ID_BLOCKS, dataDir).release();
  SUBNETS.release(subnet);
  const dir = instanceDir(name);
  rmSync(join(dir, "engine.sock"), { force: true });
  removeEmptyDirs([...["private", "app", "server"].map((child) => join(dir, child)), dir]);
}

/** Takes the traces of an engine without sandboxes off the machine. */
export function releaseInstance({ subnet, idRanges, layout }: Instance): void {
  idRanges.release();
  SUBNETS.release(subnet);
  detachMount(layout.runDir);
  removeEmptyDirs([layout.runDir, dirname(layout.runDir), SUBNETS.dir, ID_BLOCKS.dir, RUN_ROOT]);
}

/** Those that something else is in stay. */
export function removeEmptyDirs(dirs: readonly string[]): void {
  for (const dir of dirs) {
    try {
      rmdirSync(dir);
    } catch {
      continue;
    }
  }
}

function claimSubnet(dataDir: string): number {
  const [ours] = SUBNETS.of(dataDir);
  if (ours !== undefined) return ours;
  for (let subnet = FIRST_SUBNET; subnet <= LAST_SUBNET; subnet++) {
    if (!isRoutedElsewhere(subnet) && SUBNETS.take(subnet, dataDir)) return subnet;
  }
  throw new AppError(
    "HOST_UNSUITABLE",
    "Cannot find a free network for the sandboxes: 10.201.0.0 to 10.250.0.0 are all in use",
    {
      hint: `Remove claims of engines that are gone from ${SUBNETS.dir}`,
    },
  );
}

/** True when the host already has a route into `10.<subnet>.0.0/16`. Source: /proc/net/route, addresses in host byte order. */
function isRoutedElsewhere(subnet: number): boolean {
  const rows = readFileSync("/proc/net/route", "utf8").trim().split("\n").slice(1);
  return rows.some((row) => {
    const destination = Number.parseInt(row.split("\t")[1] ?? "0", 16);
    return (destination & 0xff) === 10 && ((destination >>> 8) & 0xff) === subnet;
  });
}
