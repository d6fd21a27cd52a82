import { existsSync, readdirSync, readFileSync } from "node:fs";
import { instanceName } from "@dormouse/engine";
import { tracesOnMachine } from "@dormouse/engine/testkit";

const DEATH_TIMEOUT_MS = 5000;

/** What is left of a Dormouse that has ended without sandboxes; processes that were killed take a moment to die. */
export async function tracesLeftBy(dataDir: string): Promise<string[]> {
  const deadlineMs = performance.now() + DEATH_TIMEOUT_MS;
  for (;;) {
    const traces = await tracesOf(dataDir);
    if (traces.length === 0 || performance.now() > deadlineMs) return traces;
    await Bun.sleep(50);
  }
}

/**
 * What the Dormouse of a data folder holds on this machine: what its engine and sandboxes made, its own processes, and its
 * claims on a network and on user ids. Another Dormouse beside it does not disturb. Call it while the folder still exists.
 */
async function tracesOf(dataDir: string): Promise<string[]> {
  const traces = await tracesOnMachine(instanceName(dataDir));
  return [...traces, ...processesOn(dataDir), ...claimsOf(dataDir)];
}

function processesOn(dataDir: string): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => `process ${pid}: ${readOrEmpty(`/proc/${pid}/cmdline`).replaceAll("\0", " ")}`)
    .filter((line) => line.includes(dataDir));
}

const CLAIMS_DIRS = ["/run/dormouse/subnets", "/run/dormouse/ids"];

function claimsOf(dataDir: string): string[] {
  const files = CLAIMS_DIRS.filter((dir) => existsSync(dir)).flatMap((dir) =>
    readdirSync(dir).map((name) => `${dir}/${name}`),
  );
  return files.filter((file) => readOrEmpty(file) === dataDir).map((file) => `claim ${file}`);
}

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
