import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { FaultPoint } from "@dormouse/kernel";
import type { EnginePort } from "@dormouse/schema";
import type { AdmissionPolicy } from "../src/admission.ts";
import type { BuildPolicy } from "../src/builds/build-policy.ts";
import { connectEngine } from "../src/client.ts";
import type { RegistryMirrors } from "../src/images/registries.ts";
import { openReadyPipe } from "../src/ready-pipe.ts";

const INSTALL_DIR = resolve(import.meta.dir, "../../..");
export const AGENT_FILE = join(INSTALL_DIR, "dist/sandbox-api");

/** A data folder of a test's own; its sandboxes are removed with it. */
export class TestData implements AsyncDisposable {
  readonly dir = mkdtempSync(join(tmpdir(), "dormouse-engine-"));
  #current: EngineProcess | undefined;

  /** A running engine on this folder; the earlier one must have ended. */
  async start(options: EngineProcessOptions = {}): Promise<EngineProcess> {
    this.#current = await EngineProcess.start(this.dir, options);
    return this.#current;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const engine = this.#current?.isAlive === true ? this.#current : await this.start();
    for (const sandbox of await engine.port.list()) await engine.port.remove(sandbox.id);
    await engine.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

export interface EngineProcessOptions {
  /** What is shown as sandbox-api. */
  readonly agentFile?: string;
  readonly startTimeoutMs?: number;
  readonly warmPool?: Readonly<Record<string, number>>;
  readonly admission?: Partial<AdmissionPolicy>;
  readonly pageOutAfterMs?: number;
  readonly registries?: RegistryMirrors;
  readonly builds?: Partial<BuildPolicy>;
  /** Where the engine ends as `kill -9` ends it. */
  readonly faultPoint?: FaultPoint;
}

export class EngineProcess {
  readonly port: EnginePort;
  readonly #process: Bun.Subprocess;

  static async start(dataDir: string, options: EngineProcessOptions = {}): Promise<EngineProcess> {
    const socketFile = join(dataDir, "engine.sock");
    const main = join(import.meta.dir, "engine-main.ts");
    const engineOptions = { dataDir, agentFile: AGENT_FILE, serverUserId: 0, readySlotCount: 4, ...options };
    const child = Bun.spawn(
      [
        "unshare",
        "--mount",
        "--propagation=private",
        "--",
        process.execPath,
        main,
        socketFile,
        JSON.stringify(engineOptions),
      ],
      { stdio: ["ignore", "inherit", "inherit", "pipe"] },
    );
    using pipe = openReadyPipe(child.stdio[3]);
    await pipe.said.catch(async () => Promise.reject(new Error(`the engine ended with ${await child.exited}`)));
    return new EngineProcess(child, connectEngine(socketFile));
  }

  private constructor(child: Bun.Subprocess, port: EnginePort) {
    this.#process = child;
    this.port = port;
  }

  get isAlive(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** Resolves when it has ended by itself. */
  async untilEnded(): Promise<void> {
    await this.#process.exited;
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
