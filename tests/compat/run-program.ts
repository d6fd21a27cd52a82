import { join } from "node:path";

/** What a program saw: it prints one JSON object. */
export type Report = Readonly<Record<string, unknown>>;

export interface ProgramOptions {
  /** All it knows of a Dormouse. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** Runs one of `programs/` under Node, as a user's own program. */
export async function runProgram(name: string, { env = {}, cwd = import.meta.dir }: ProgramOptions): Promise<Report> {
  const child = Bun.spawn(["node", join(import.meta.dir, "programs", `${name}.mjs`)], {
    cwd,
    env: { PATH: process.env["PATH"] ?? "", HOME: cwd, DO_NOT_TRACK: "1", ...env },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [output, errors, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (exitCode !== 0) throw new Error(`program "${name}" ended with ${exitCode}:\n${errors}`);
  return JSON.parse(output) as Report;
}
