import { runTypeScript } from "./run-typescript.ts";

/**
 * Runs the program of the tutorial "code-server in a sandbox", and resolves with the address it prints. Entrypoint and program may
 * both want to start code-server in the same moment; the program then says that the process exists and, started again, finds it.
 */
export async function printedAddress(env: Readonly<Record<string, string>>): Promise<string> {
  for (;;) {
    const { stdout, stderr } = await runTypeScript("code-server", env);
    const address = /^code-server preview URL: (\S+)$/m.exec(stdout)?.[1];
    if (address !== undefined) return address;
    if (!stderr.includes("already exists and is running")) throw new Error(stderr);
  }
}
