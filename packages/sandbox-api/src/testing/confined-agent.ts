import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const MAIN = join(import.meta.dir, "../../../../apps/sandbox-api/src/main.ts");
const READY = "ready";

export interface ConfinedAgent extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
  /** Where its small disk is, for the agent: nobody else sees what is on it. */
  readonly folder: string;
  request(path: string, init?: RequestInit): Promise<Response>;
}

/**
 * An agent of a test's own, as a process whose working directory is a disk of `sizeBytes` that exists only for it. `prepare`
 * is shell that runs there first. Takes root.
 */
export async function startConfinedAgent(sizeBytes: number, prepare = ":"): Promise<ConfinedAgent> {
  const root = mkdtempSync(join(tmpdir(), "confined-agent-"));
  const folder = mkdtempSync(join(root, "disk-"));
  const port = freePort();
  const script = `mount -t tmpfs -o size=${sizeBytes} tmpfs "$1" && cd "$1" && ${prepare} && exec "$2" "$3" -p ${port}`;
  const confine = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"];
  const child = Bun.spawn([...confine, folder, process.execPath, MAIN], {
    env: {
      PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
      HOME: root,
      SANDBOX_LOG_DIR: join(root, "logs"),
      DORMOUSE_READY_FD: "1",
    },
    stdout: "pipe",
    stderr: "inherit",
  });
  const { value } = await child.stdout.getReader().read();
  if (!new TextDecoder().decode(value).startsWith(READY)) throw new Error("the confined agent did not start");
  return {
    port,
    pid: child.pid,
    folder,
    request: (path, init) => fetch(`http://127.0.0.1:${port}${path}`, init),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
      rmSync(root, { recursive: true, force: true });
    },
  };
}

function freePort(): number {
  using server = Bun.serve({ port: 0, fetch: () => new Response() });
  return server.port ?? 0;
}
