import { beforeAll } from "bun:test";
import { join } from "node:path";
import type { DormouseSuite } from "../support/suite.ts";

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

/** The report of a program that runs against the suite's Dormouse before the tests of its area. */
export function seenBy(suite: DormouseSuite, program: string): () => Report {
  let report: Report = {};
  beforeAll(async () => {
    report = await runProgram(program, { env: suite.dormouse.env });
  });
  return () => report;
}
