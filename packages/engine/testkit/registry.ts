import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ImageConfig, runCommand } from "../src/index.ts";
import { tarOf, writeLayout } from "./oci-layout.ts";

export interface RegistryOptions {
  /** Who alone may read and write; everybody when absent. */
  readonly user?: { readonly username: string; readonly password: string };
}

/** Debian's own registry on a free port of loopback, standing for whichever is out there. */
export class Registry implements AsyncDisposable {
  readonly #dir: string;
  readonly #process: Bun.Subprocess;
  /** `127.0.0.1:<port>` */
  readonly host: string;

  static async start({ user }: RegistryOptions = {}): Promise<Registry> {
    const dir = mkdtempSync(join(tmpdir(), "dormouse-registry-"));
    if (user !== undefined) {
      const hash = Bun.password.hashSync(user.password, { algorithm: "bcrypt", cost: 4 }).replace("$2b$", "$2y$");
      writeFileSync(join(dir, "users"), `${user.username}:${hash}\n`);
      const auths = { auths: { registry: { auth: btoa(`${user.username}:${user.password}`) } } };
      writeFileSync(join(dir, "auth.json"), JSON.stringify(auths), { mode: 0o600 });
    }
    const configFile = join(dir, "config.yml");
    writeFileSync(configFile, configuration(dir, user !== undefined));
    const child = Bun.spawn(["setpriv", "--pdeathsig=KILL", "docker-registry", "serve", configFile], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    return new Registry(dir, child, await listeningHost(child));
  }

  private constructor(dir: string, child: Bun.Subprocess, host: string) {
    this.#dir = dir;
    this.#process = child;
    this.host = host;
  }

  get url(): string {
    return `http://${this.host}`;
  }

  /** Puts an OCI layout into it, as `library/node:22-alpine`. */
  async pushLayout(name: string, layoutDir: string): Promise<void> {
    const authFile = join(this.#dir, "auth.json");
    const isClosed = await Bun.file(authFile).exists();
    if (isClosed) await Bun.write(authFile, (await Bun.file(authFile).text()).replace('"registry"', `"${this.host}"`));
    const credentials = isClosed ? [`--dest-authfile=${authFile}`] : [];
    const options = ["--quiet", "--insecure-policy", "--dest-tls-verify=false", ...credentials];
    await runCommand(["skopeo", "copy", ...options, `oci:${layoutDir}`, `docker://${this.host}/${name}`]);
  }

  /** Puts a folder into it as an image of one layer. */
  async push(name: string, rootDir: string, config: Partial<ImageConfig> = {}): Promise<void> {
    const dir = mkdtempSync(join(this.#dir, "layout-"));
    const layers = [{ tarFile: await tarOf(rootDir, join(dir, "layer.tar")) }];
    await writeLayout(dir, { layers, config: ociConfigOf(config) });
    await this.pushLayout(name, dir);
    rmSync(dir, { recursive: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill();
    await this.#process.exited;
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

const ociConfigOf = ({ env = {}, entrypoint, cmd, workingDir, user }: Partial<ImageConfig>) => ({
  Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
  Entrypoint: entrypoint,
  Cmd: cmd,
  WorkingDir: workingDir,
  User: user,
});

/** JSON, which is YAML too. */
function configuration(dir: string, isClosed: boolean): string {
  return JSON.stringify({
    version: 0.1,
    log: { level: "info", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(dir, "data") }, delete: { enabled: true } },
    http: { addr: "127.0.0.1:0" },
    ...(isClosed && { auth: { htpasswd: { realm: "dormouse", path: join(dir, "users") } } }),
  });
}

/** It says where it listens, once it does. */
async function listeningHost(child: Bun.Subprocess<"ignore", "ignore", "pipe">): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  void (async () => {
    let said = "";
    for await (const chunk of child.stderr.pipeThrough(new TextDecoderStream())) {
      said = `${said}${chunk}`.slice(-4096);
      const host = /listening on (127\.0\.0\.1:\d+)/.exec(said)?.[1];
      if (host !== undefined) resolve(host);
    }
    reject(new Error(`the registry ended: ${said}`));
  })();
  return promise;
}
