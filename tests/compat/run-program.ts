import { join } from "node:path";

/** What a program saw: it prints one JSON object. */
export type Report = Readonly<Record<string, unknown>>;

/** Runs one of `programs/` under Node, as a user's own program, in an environment that only points it at a Dormouse. */
export async function runProgram(name: string, env: Readonly<Record<string, string>>): Promise<Report> {
  const child = Bun.spawn(["node", join(import.meta.dir, "programs", `${name}.mjs`)], {
    cwd: import.meta.dir,
    env: { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent", DO_NOT_TRACK: "1", ...env },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [output, errors, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (exitCode !== 0) throw new Error(`program "${name}" ended with ${exitCode}:\n${errors}`);
  return JSON.parse(output) as Report;
}
