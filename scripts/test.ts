import { resolve } from "node:path";
import { tracesOnMachine } from "@dormouse/engine/testkit";

/** For machines that are slower than ours, or busy; a test that waits waits for an event. */
const TIMEOUT = "--timeout=30000";

/*
 * All checks and all tests, quick ones first; stops at the first suite that fails. What the machine held before, it must hold
 * afterwards. Arguments: names of suites, to run only those.
 */

const SUITES: readonly { readonly name: string; readonly command: readonly string[] }[] = [
  { name: "check", command: ["bun", "scripts/check.ts"] },
  {
    name: "rules",
    command: ["bun", "test", TIMEOUT, "./tests/boundaries.test.ts", "./tests/requirements.test.ts", "./tests/bench"],
  },
  { name: "kernel", command: ["bun", "test", TIMEOUT, "packages/kernel", "packages/schema"] },
  { name: "sandbox-api", command: ["bun", "test", TIMEOUT, "packages/sandbox-api", "apps/sandbox-api"] },
  { name: "gateway", command: ["bun", "test", TIMEOUT, "packages/gateway", "apps/dormouse"] },
  { name: "control-plane", command: ["bun", "test", TIMEOUT, "packages/store", "packages/control-plane"] },
  { name: "engine", command: ["bun", "test", TIMEOUT, "packages/engine"] },
  { name: "command line", command: ["bun", "test", TIMEOUT, "packages/sdk", "packages/cli"] },
  { name: "end to end", command: ["bun", "test", TIMEOUT, "./tests/e2e"] },
  { name: "attackers", command: ["bun", "test", TIMEOUT, "./tests/abuse"] },
  { name: "stock clients", command: ["bun", "test", TIMEOUT, "./tests/compat"] },
  { name: "walkthroughs", command: ["bun", "test", TIMEOUT, "./tests/walkthroughs"] },
];

const root = resolve(import.meta.dir, "..");
const wanted = process.argv.slice(2);
const before = await tracesOnMachine();
const totals = { passed: 0, failed: 0 };

for (const { name, command } of SUITES) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const [tool = "", ...parameters] = command;
  const startedAtMs = performance.now();
  const child = Bun.spawn([`${root}/node_modules/.bin/${tool}`, ...parameters], {
    cwd: root,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, BUN_CONFIG_MAX_HTTP_REQUESTS: "65336" },
  });
  const [output, report, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  const passed = countOf(report, "pass");
  totals.passed += passed;
  totals.failed += countOf(report, "fail");
  const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
  process.stdout.write(
    `${exitCode === 0 ? "✔" : "✘"} ${name.padEnd(16)} ${passed === 0 ? "" : `${passed} tests, `}${seconds} s\n`,
  );
  for (const line of new Set(report.match(/^\(skip\) .*$/gm))) process.stdout.write(`  ${line}\n`);
  if (exitCode === 0) continue;
  process.stdout.write(`${output}\n${report}\n`);
  finish(1);
}

const left = (await tracesOnMachine()).filter((trace) => !before.includes(trace));
if (left.length > 0) {
  process.stdout.write(`✘ the tests left on the machine: ${left.join(", ")}\n`);
  totals.failed += 1;
}
finish(left.length === 0 ? 0 : 1);

function finish(exitCode: number): never {
  process.stdout.write(`\n${totals.passed} passed, ${totals.failed} failed\n`);
  process.exit(exitCode);
}

/** From the closing lines of `bun test`: ` 12 pass`. */
function countOf(report: string, word: "pass" | "fail"): number {
  return Number(new RegExp(`^\\s*(\\d+) ${word}$`, "m").exec(report)?.[1] ?? 0);
}
