import { join } from "node:path";

export interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/** Runs one of `programs/` under Node with its types taken away; `env` is all it knows of a Dormouse. */
export async function runTypeScript(
  name: string,
  env: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): Promise<Outcome> {
  const source = await Bun.file(join(import.meta.dir, "programs", `${name}.ts`)).text();
  const child = Bun.spawn(["node", "--input-type=module", "-", ...args], {
    // Where Node looks for the packages that a program from stdin imports.
    cwd: import.meta.dir,
    stdin: new Blob([new Bun.Transpiler({ loader: "ts" }).transformSync(source)]),
    stdout: "pipe",
    stderr: "pipe",
    env: { PATH: process.env["PATH"] ?? "", HOME: import.meta.dir, DO_NOT_TRACK: "1", ...env },
  });
  const [stdout, stderr, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { stdout, stderr, exitCode };
}
