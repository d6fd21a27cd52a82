import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";

const SOURCES_DIR = join(import.meta.dir, "nextjs-app");
const CACHE_DIR = join(process.env["DORMOUSE_CACHE"] ?? "/var/cache/dormouse", "tests");

/**
 * The folder with `nextjs-app` installed and built. That takes a minute and the npm registry once per machine and version of the
 * sources; it is kept outside the repository, whose own packages stay free of Next.js.
 */
export async function buildHostApp(): Promise<string> {
  const files = readdirSync(SOURCES_DIR, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
  const hash = createHash("sha256");
  for (const file of files) hash.update(file.slice(SOURCES_DIR.length)).update(readFileSync(file));
  const dir = join(CACHE_DIR, `nextjs-app-${hash.digest("hex").slice(0, 12)}`);
  if (existsSync(dir)) return dir;
  const partial = `${dir}.${process.pid}`;
  try {
    mkdirSync(CACHE_DIR, { recursive: true });
    cpSync(SOURCES_DIR, partial, { recursive: true });
    await npm(["install", "--no-audit", "--no-fund", "--loglevel=error"], partial);
    await npm(["run", "build"], partial);
    renameSync(partial, dir);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
  return dir;
}

async function npm(parameters: readonly string[], cwd: string): Promise<void> {
  const child = Bun.spawn(["npm", ...parameters], {
    cwd,
    // An answer that is lost on the way is asked for again soon: npm itself would wait five minutes.
    env: {
      ...process.env,
      NEXT_TELEMETRY_DISABLED: "1",
      npm_config_fetch_timeout: "30000",
      npm_config_fetch_retries: "5",
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [output, errors, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (exitCode !== 0) throw new Error(`npm ${parameters[0]} of nextjs-app ended with ${exitCode}:\n${output}${errors}`);
}

export interface HostApp extends AsyncDisposable {
  readonly url: string;
}

export interface HostAppOptions {
  /** All it knows of a Dormouse. */
  readonly env: Readonly<Record<string, string>>;
  /** 0 takes a free one. */
  readonly port: number;
}

/** A user's own Next.js server on this machine; resolves when it serves. */
export async function startHostApp(dir: string, { env, port }: HostAppOptions): Promise<HostApp> {
  const next = join(dir, "node_modules/next/dist/bin/next");
  const child = Bun.spawn(["node", next, "start", "--hostname", "127.0.0.1", "--port", String(port)], {
    cwd: dir,
    env: { PATH: process.env["PATH"] ?? "", NEXT_TELEMETRY_DISABLED: "1", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [address, errors] = await Promise.race([
    readyAddress(child.stdout).then((address) => [address, ""]),
    child.stderr.text().then((errors) => [undefined, errors]),
  ]);
  if (address === undefined) throw new Error(`Cannot start the host app on port ${port}: ${errors}`);
  return {
    url: address.replace("127.0.0.1", "localhost"),
    async [Symbol.asyncDispose]() {
      child.kill();
      await child.exited;
    },
  };
}

/** The address Next.js prints, once it is ready; stays pending when it never is. Reads on, so that the server never waits. */
function readyAddress(stdout: ReadableStream<Uint8Array>): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const drain = async (): Promise<void> => {
    const decoder = new TextDecoder();
    let output = "";
    for await (const chunk of stdout) {
      output += decoder.decode(chunk, { stream: true });
      const address = /Local: +(http:\S+)/.exec(output)?.[1];
      if (address !== undefined && output.includes("Ready in")) resolve(address);
    }
  };
  drain().catch(reject);
  return promise;
}
