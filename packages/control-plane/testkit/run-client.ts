import { fileURLToPath } from "node:url";
import { WORKSPACE, type TestServer } from "./server.ts";

/** By what the client says who it is. */
export type ClientCredentials = Readonly<Record<string, string>>;

/**
 * Runs one of `programs/` under Node against a real socket of `server`; resolves with the JSON it printed. Without `credentials`
 * it has the administrator's key.
 */
export async function runClient(
  server: TestServer,
  program: string,
  credentials: ClientCredentials = { BL_API_KEY: server.apiKey },
): Promise<unknown> {
  const node = Bun.which("node");
  if (node === null) throw new Error("Cannot run the stock client: there is no node on this machine");
  const listener = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: server.fetch });
  try {
    const child = Bun.spawn([node, fileURLToPath(new URL(`programs/${program}.mjs`, import.meta.url))], {
      cwd: fileURLToPath(new URL("programs", import.meta.url)),
      env: {
        BL_API_URL: `http://127.0.0.1:${listener.port}/v0`,
        BL_WORKSPACE: WORKSPACE,
        ...credentials,
        BL_DISABLE_H2: "1",
        DO_NOT_TRACK: "1",
      },
      stdout: "pipe",
      stderr: "pipe",
    });
    const [output, errors, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    if (exitCode !== 0) throw new Error(`Cannot finish program "${program}": exit code ${exitCode}\n${errors}`);
    return JSON.parse(output);
  } finally {
    await listener.stop(true);
  }
}
