import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";

const PROGRAMS_ROOT = "/usr/lib/postgresql";
/** It refuses to run as root, and Debian's package makes this user. */
const USER = "postgres";
const PASSWORD = "only-for-tests";
/* Nothing that a test writes must survive a power cut. */
const SETTINGS = ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "unix_socket_directories="];

/** A PostgreSQL server of the tests' own on loopback; disposing ends it and removes its files. */
export class PostgresServer implements AsyncDisposable {
  readonly #dataDir: string;
  readonly #port: number;
  #process: Bun.Subprocess | undefined;
  #databaseCount = 0;

  private constructor(dataDir: string, port: number) {
    this.#dataDir = dataDir;
    this.#port = port;
  }

  /** @throws Error when PostgreSQL is not installed */
  static async start(): Promise<PostgresServer> {
    const dataDir = mkdtempSync(join(tmpdir(), "dormouse-postgres-"));
    const server = new PostgresServer(dataDir, freePort());
    try {
      const passwordFile = `${dataDir}.password`;
      writeFileSync(passwordFile, PASSWORD);
      giveToUser(dataDir, passwordFile);
      // A language's own order, which the databases of users have too.
      const locale = ["--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en", "--encoding=UTF8"];
      const access = ["--auth=scram-sha-256", `--username=${USER}`, `--pwfile=${passwordFile}`];
      const init = runAsUser(["initdb", "--no-sync", `--pgdata=${dataDir}`, ...locale, ...access]);
      if ((await init.exited) !== 0) throw new Error(`Cannot start PostgreSQL: ${await text(init.stderr)}`);
      rmSync(passwordFile);
      await server.run();
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Starts it again on its port and files. Resolves when it takes connections. */
  async run(): Promise<void> {
    const options = [...SETTINGS, "listen_addresses=127.0.0.1", `port=${this.#port}`].flatMap((entry) => ["-c", entry]);
    const process = runAsUser(["postgres", "-D", this.#dataDir, ...options]);
    this.#process = process;
    let log = "";
    for await (const chunk of process.stderr.pipeThrough(new TextDecoderStream())) {
      log += chunk;
      if (log.includes("ready to accept connections")) return;
    }
    throw new Error(`Cannot start PostgreSQL: ${log}`);
  }

  /** Address of a new database with nothing in it. */
  async createDatabase(): Promise<string> {
    const name = `test_${++this.#databaseCount}`;
    const admin = new Client(this.#url("postgres"));
    await admin.connect();
    await admin.query(`create database ${name}`);
    await admin.end();
    return this.#url(name);
  }

  /** Ends it as an operator does, connections included. Idempotent. */
  async stop(): Promise<void> {
    this.#process?.kill("SIGINT");
    await this.#process?.exited;
    this.#process = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    rmSync(`${this.#dataDir}.password`, { force: true });
    rmSync(this.#dataDir, { recursive: true, force: true });
  }

  #url(database: string): string {
    return `postgres://${USER}:${PASSWORD}@127.0.0.1:${this.#port}/${database}`;
  }
}

function runAsUser([program = "", ...parameters]: readonly string[]): Bun.Subprocess<"ignore", "ignore", "pipe"> {
  const change = process.getuid?.() === 0 ? [`--reuid=${USER}`, `--regid=${USER}`, "--clear-groups"] : [];
  // SIGINT: should the tests be killed, it shuts down at once.
  const command = ["setpriv", ...change, "--pdeathsig=INT", "--", join(programsDir(), program), ...parameters];
  return Bun.spawn(command, { stdio: ["ignore", "ignore", "pipe"], cwd: "/" });
}

function programsDir(): string {
  const versions = existsSync(PROGRAMS_ROOT) ? readdirSync(PROGRAMS_ROOT) : [];
  const dirs = versions.map((version) => join(PROGRAMS_ROOT, version, "bin"));
  const dir = dirs.findLast((dir) => existsSync(join(dir, "initdb")));
  if (dir !== undefined) return dir;
  throw new Error("Cannot start PostgreSQL for the tests: it is not installed. Run `sh scripts/setup.sh --test`");
}

function giveToUser(...files: readonly string[]): void {
  if (process.getuid?.() !== 0) return;
  const line = new RegExp(`^${USER}:[^:]*:(\\d+):(\\d+):`, "m").exec(readFileSync("/etc/passwd", "utf8"));
  for (const file of files) chownSync(file, Number(line?.[1]), Number(line?.[2]));
}

/** PostgreSQL cannot choose one itself. */
function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  const { port } = listener;
  listener.stop(true);
  return port;
}

const text = (stream: ReadableStream<Uint8Array>): Promise<string> => new Response(stream).text();
