import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { EnginePort } from "@dormouse/schema";
import { connectEngine } from "../src/client.ts";

const INSTALL_DIR = resolve(import.meta.dir, "../../..");
export const AGENT_FILE = join(INSTALL_DIR, "dist/sandbox-api");

/** A data folder of a test's own; its sandboxes are removed with it. */
export class TestData implements AsyncDisposable {
  readonly dir = mkdtempSync(join(tmpdir(), "dormouse-engine-"));
  #current: EngineProcess | undefined;

  /** A running engine on this folder; the earlier one must have ended. */
  async start(): Promise<EngineProcess> {
    this.#current = await EngineProcess.start(this.dir);
    return this.#current;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const engine = this.#current?.isAlive === true ? this.#current : await this.start();
    for (const sandbox of await engine.port.list()) await engine.port.remove(sandbox.id);
    await engine.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

export class EngineProcess {
  readonly port: EnginePort;
  readonly #process: Bun.Subprocess;

  static async start(dataDir: string): Promise<EngineProcess> {
    const socketFile = join(dataDir, "engine.sock");
    const main = join(import.meta.dir, "engine-main.ts");
    const child = Bun.spawn(
      ["unshare", "--mount", "--propagation=private", "--", process.execPath, main, dataDir, AGENT_FILE, socketFile],
      { stdio: ["ignore", "inherit", "inherit", "pipe"] },
    );
    await readiness(child.stdio[3] as unknown as number, child.exited);
    return new EngineProcess(child, connectEngine(socketFile));
  }

  private constructor(child: Bun.Subprocess, port: EnginePort) {
    this.#process = child;
    this.port = port;
  }

  get isAlive(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** Ends it as a crash would. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.exited;
  }

  async stop(): Promise<void> {
    this.#process.kill("SIGTERM");
    await this.#process.exited;
  }
}

function readiness(pipe: number, exited: Promise<number>): Promise<void> {
  const socket = connect({ fd: pipe } as never);
  return new Promise<void>((resolve, reject) => {
    socket.once("data", () => resolve());
    void exited.then((exitCode) => reject(new Error(`the engine ended with ${exitCode}`)));
  }).finally(() => socket.destroy());
}
