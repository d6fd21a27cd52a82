import { resolve } from "node:path";

/* The gate before every commit: types, lint, format, and what is generated from something else. Quick checks first. */
const CHECKS: readonly (readonly [string, readonly string[]])[] = [
  ["format", ["oxfmt", "--check", "."]],
  ["types", ["tsc", "-p", "."]],
  ["lint", ["oxlint", "--type-aware"]],
  ["API reference", ["bun", "scripts/openapi.ts", "--check"]],
  ["feature table", ["bun", "scripts/feature-table.ts", "--check"]],
];

const root = resolve(import.meta.dir, "..");
for (const [name, [tool = "", ...parameters]] of CHECKS) {
  const startedAtMs = performance.now();
  const child = Bun.spawn([`${root}/node_modules/.bin/${tool}`, ...parameters], {
    cwd: root,
    stdout: "pipe",
    stderr: "pipe",
  });
  const [output, complaint, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  process.stdout.write(
    `${exitCode === 0 ? "✔" : "✘"} ${name.padEnd(16)} ${Math.round(performance.now() - startedAtMs)} ms\n`,
  );
  if (exitCode === 0) continue;
  process.stdout.write(`${output}${complaint}`);
  process.exit(1);
}
