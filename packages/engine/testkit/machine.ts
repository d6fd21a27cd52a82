import { existsSync, readdirSync, readFileSync } from "node:fs";
import { processStartTicks } from "../src/records.ts";
import { runCommand } from "../src/run-command.ts";
import { instanceNameOf } from "../src/instance.ts";

/**
 * Everything on this machine that an engine or its sandboxes could leave behind: one line a piece. With `instance` only what
 * bears that engine's name, so that tests of several engines can run side by side.
 */
export async function tracesOnMachine(instance = ""): Promise<string[]> {
  const links = JSON.parse((await runCommand(["ip", "-j", "link"])) || "[]") as { ifname: string }[];
  const tables = (await runCommand(["nft", "list", "tables"])).trim().split("\n");
  const routes = (await runCommand(["ip", "route"]))
    .trim()
    .split("\n")
    .map((line) => `route ${line}`);
  return [
    ...links.map((link) => `link ${link.ifname}`).filter((line) => line.includes(`dm${instance}`)),
    ...(instance === "" ? routes : []).filter((line) => line.includes("unreachable 10.2")),
    ...tables.filter((line) => line.includes(`dormouse_${instance}`)),
    ...readFileSync("/proc/mounts", "utf8")
      .split("\n")
      .map((line) => `mount ${line.split(" ")[1] ?? ""}`)
      .filter((line) => line.includes("dormouse") && line.includes(instance)),
    ...CGROUP_TREES.flatMap((tree) => namesIn(tree).map((name) => `cgroup ${tree}/${name}`)).filter((line) =>
      line.includes(`dormouse-${instance}`),
    ),
    ...namesIn("/run/dormouse")
      .filter((name) => !CLAIMS.includes(name) && name.includes(instance))
      .map((name) => `folder /run/dormouse/${name}`),
    ...processes().filter((line) => line.includes(`dormouse-${instance}`)),
    ...loopDevices(instance),
  ];
}

/** Folders of what engines claim, each file of which says whose it is. */
const CLAIMS = ["ids", "subnets"];

/** Loop devices on images of volumes, wherever those lie in a data folder, and on caches of builds. */
function loopDevices(instance: string): string[] {
  return namesIn("/sys/block").flatMap((device) => {
    const file = `/sys/block/${device}/loop/backing_file`;
    const image = existsSync(file) ? readFileSync(file, "utf8").trim() : "";
    const dataDir = /^(.+?)(\/sandboxes\/[a-z0-9]+)?\/(volumes|build-caches)\/[a-z0-9-]+\.img/.exec(image)?.[1];
    const isOurs = dataDir !== undefined && (instance === "" || instanceNameOf(dataDir) === instance);
    return isOurs ? [`loop device ${device} of ${image}`] : [];
  });
}

const CGROUP_TREES = ["", "/memory", "/cpu", "/pids", "/unified"].map((tree) => `/sys/fs/cgroup${tree}`);

const namesIn = (dir: string): string[] => (existsSync(dir) ? readdirSync(dir) : []);

/** Processes in a control group of ours, with that group; one that only waits for its parent to notice its end is gone. */
function processes(): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        if (processStartTicks(Number(pid)) === undefined) return [];
        const group = /\/(dormouse-\S+)/.exec(readFileSync(`/proc/${pid}/cgroup`, "utf8"))?.[1];
        return group === undefined ? [] : [`process ${pid} in ${group}`];
      } catch {
        return [];
      }
    });
}
