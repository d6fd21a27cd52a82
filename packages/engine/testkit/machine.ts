import { existsSync, readdirSync, readFileSync } from "node:fs";
import { runCommand } from "../src/run-command.ts";

/** Everything on this machine that a sandbox could leave behind, by kind. */
export async function machineState(): Promise<Record<string, string[]>> {
  const json = async (...command: string[]): Promise<unknown[]> => JSON.parse((await runCommand(command)) || "[]") as unknown[];
  const named = (items: unknown[], key: string): string[] => items.map((item) => String((item as Record<string, unknown>)[key]));
  return {
    links: named(await json("ip", "-j", "link"), "ifname"),
    tables: (await runCommand(["nft", "list", "tables"])).trim().split("\n"),
    mounts: mountPoints(),
    cgroups: CGROUP_TREES.flatMap((tree) => (existsSync(tree) ? readdirSync(tree).filter((name) => name.startsWith("dormouse-")) : [])),
    namespaces: existsSync("/run/netns") ? readdirSync("/run/netns") : [],
    runFolders: existsSync("/run/dormouse") ? readdirSync("/run/dormouse", { recursive: true }).map(String) : [],
    processes: sandboxProcesses(),
  };
}

/** Source, target and type; options may change by what else goes on. */
const mountPoints = (): string[] =>
  readFileSync("/proc/mounts", "utf8")
    .trim()
    .split("\n")
    .map((line) => line.split(" ").slice(0, 3).join(" "));

const CGROUP_TREES = ["", "/memory", "/cpu", "/pids", "/unified"].map((tree) => `/sys/fs/cgroup${tree}`);

function sandboxProcesses(): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
        return /sandbox-api|\/dev\/init|^crun/.test(command) ? [command] : [];
      } catch {
        return [];
      }
    });
}
