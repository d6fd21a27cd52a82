import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { tracesOnMachine } from "@dormouse/engine/testkit";
import { instanceName } from "@dormouse/engine";
import { startDormouse } from "../tests/support/dormouse.ts";

/*
 * From nothing to a sandbox that works, sleeps and wakes, on a Dormouse of its own in a folder of its own, so it also runs
 * where another one does. `scripts/setup.sh` has run before.
 */
const startedAtMs = performance.now();
const dataDir = mkdtempSync("/var/tmp/dormouse-quickstart-");
const instance = instanceName(dataDir);
let exitCode = 1;
try {
  process.stdout.write("Dormouse quickstart\n");
  await using dormouse = await startDormouse({ dataDir });
  process.stdout.write(`${elapsed(startedAtMs)} image ready, engine and server up at ${dormouse.url}\n`);
  const client = Bun.spawn(["node", join(import.meta.dir, "quickstart-client.mjs")], {
    cwd: resolve(import.meta.dir, "../tests"),
    env: { ...process.env, ...dormouse.env },
    stdio: ["ignore", "inherit", "inherit"],
  });
  exitCode = await client.exited;
  const files = readdirSync(join(dataDir, "sandboxes"));
  if (exitCode === 0 && files.length > 0) throw new Error(`sandbox files are left: ${files.join(", ")}`);
} finally {
  rmSync(dataDir, { recursive: true, force: true });
}
const left = await tracesOnMachine(instance);
if (left.length > 0) throw new Error(`something is left on the machine: ${left.join(", ")}`);
if (exitCode === 0) process.stdout.write(`${elapsed(startedAtMs)} in all; nothing is left on the machine\n`);
process.exit(exitCode);

function elapsed(sinceMs: number): string {
  return `${Math.round(performance.now() - sinceMs)
    .toLocaleString("en")
    .padStart(7)} ms`;
}
