import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { INSTALL_DIR } from "./dormouse.ts";

export type Caddy = AsyncDisposable;

export interface Replacements {
  readonly httpsPort: number;
  /** Host and port of Dormouse. */
  readonly upstream: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** The Caddyfile of `docs/tls.md`, with names, ports and certificates of a test and nothing else changed. */
export function documentedCaddyfile({ httpsPort, upstream, certFile, keyFile }: Replacements): string {
  const text = readFileSync(join(INSTALL_DIR, "docs/tls.md"), "utf8");
  const documented = /```caddyfile\n(.*?)```/s.exec(text)?.[1] ?? "";
  const site = documented
    .replaceAll("boxes.example.com", "localhost")
    .replace("localhost, *.preview.localhost", `localhost:${httpsPort}, *.preview.localhost:${httpsPort}`)
    .replace(/tls \S+ \S+/, `tls ${certFile} ${keyFile}`)
    .replace("127.0.0.1:4111", upstream.replace("localhost", "127.0.0.1"));
  // What Caddy would otherwise share with other runs: its control port, and port 80 for redirects.
  return `{\n\tadmin off\n\tauto_https disable_redirects\n}\n${site}`;
}

/** Debian's Caddy with a configuration; resolves when it answers at `url`. */
export async function startCaddy(caddyfile: string, url: string, ca: string): Promise<Caddy> {
  const home = mkdtempSync(join(tmpdir(), "dormouse-caddy-"));
  const file = join(home, "Caddyfile");
  writeFileSync(file, caddyfile);
  const child = Bun.spawn(["caddy", "run", "--config", file, "--adapter", "caddyfile"], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { PATH: process.env["PATH"], HOME: home, XDG_DATA_HOME: home, XDG_CONFIG_HOME: home },
  });
  const log = new Response(child.stderr).text();
  const answers = (): Promise<boolean> =>
    fetch(`${url}/health`, { tls: { ca } }).then(
      ({ ok }) => ok,
      () => false,
    );
  const end = async (): Promise<void> => {
    child.kill();
    await child.exited;
    rmSync(home, { recursive: true, force: true });
  };
  while (!(await answers())) {
    if (child.exitCode !== null) {
      await end();
      throw new Error(`Caddy ended: ${await log}`);
    }
    await Bun.sleep(20);
  }
  return { [Symbol.asyncDispose]: end };
}

/** A port nobody listens on now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
