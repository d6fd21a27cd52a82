import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { instanceDir, instanceName } from "../src/instance.ts";
import { runCommand } from "../src/run-command.ts";

/** The unified tree first: only there can a group be killed. */
const CGROUP_TREES = ["/unified", "", "/memory", "/cpu", "/pids"].map((tree) => `/sys/fs/cgroup${tree}`);
const [SUBNET_CLAIMS_DIR, ID_CLAIMS_DIR] = ["/run/dormouse/subnets", "/run/dormouse/ids"];
/** Written by another boot than this one. */
const EARLIER_BOOT_ID = "00000000-0000-4000-8000-000000000000";

/**
 * Takes from the machine what a reboot takes of an engine that has been killed and of its sandboxes: processes with their mounts
 * and networks, control groups, links, firewall and everything under /run. What is on disk says it was written before.
 */
export async function simulateReboot(dataDir: string): Promise<void> {
  const instance = instanceName(dataDir);
  for (const tree of CGROUP_TREES) await endGroup(join(tree, `dormouse-${instance}`));
  const links = JSON.parse((await runCommand(["ip", "-j", "link"])) || "[]") as { ifname: string }[];
  for (const { ifname } of links.filter((link) => link.ifname.startsWith(`dm${instance}-`))) {
    await runCommand(["sh", "-c", `ip link delete ${ifname} 2> /dev/null; true`]);
  }
  await runCommand(["sh", "-c", `nft delete table inet dormouse_${instance} 2> /dev/null; true`]);
  for (const file of claimsIn(SUBNET_CLAIMS_DIR, dataDir)) {
    await runCommand(["sh", "-c", `ip route del unreachable 10.${basename(file)}.0.0/16 2> /dev/null; true`]);
    rmSync(file);
  }
  for (const file of claimsIn(ID_CLAIMS_DIR, dataDir)) rmSync(file);
  rmSync(instanceDir(instance), { recursive: true, force: true });
  const sandboxesDir = join(dataDir, "sandboxes");
  for (const id of readdirSync(sandboxesDir)) {
    const file = join(sandboxesDir, id, "run.json");
    const record = JSON.parse(readFileSync(file, "utf8")) as object;
    writeFileSync(file, JSON.stringify({ ...record, bootId: EARLIER_BOOT_ID }));
  }
}

const claimsIn = (dir: string, dataDir: string): string[] =>
  readdirSync(dir)
    .map((name) => join(dir, name))
    .filter((file) => readFileSync(file, "utf8") === dataDir);

/** Processes first, then the groups from the innermost outwards. */
async function endGroup(dir: string): Promise<void> {
  if (!existsSync(dir)) return;
  if (existsSync(join(dir, "cgroup.kill"))) writeFileSync(join(dir, "cgroup.kill"), "1");
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    if (entry.isDirectory()) await endGroup(join(dir, entry.name));
  }
  await removeWhenEmpty(dir);
}

const DEATH_TIMEOUT_MS = 5000;

/** Processes that were killed take a moment to die. */
async function removeWhenEmpty(dir: string): Promise<void> {
  const deadlineMs = performance.now() + DEATH_TIMEOUT_MS;
  for (;;) {
    try {
      rmdirSync(dir);
      return;
    } catch (error) {
      if (performance.now() > deadlineMs) throw error;
      await Bun.sleep(5);
    }
  }
}
