import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { INSTALL_DIR } from "./dormouse.ts";

/** What users install: one file. */
export const BL = join(INSTALL_DIR, "dist/bl");

export interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Beside HOME and PATH, which are all else it has. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** What is piped in. */
  readonly input?: string | Uint8Array;
}

/** A user of the command line: a home folder of their own and nothing else. */
export class BlUser implements Disposable {
  readonly home = mkdtempSync(join(tmpdir(), "dormouse-home-"));
  readonly #env: Readonly<Record<string, string>>;

  /** `env` is what all their commands run with. */
  constructor(env: Readonly<Record<string, string>> = {}) {
    this.#env = env;
  }

  environment(more: Readonly<Record<string, string>> = {}): Record<string, string> {
    return { PATH: process.env["PATH"] ?? "", HOME: this.home, TZ: "UTC", ...this.#env, ...more };
  }

  async run(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    using child = this.spawn(args, options);
    const [stdout, stderr, exitCode] = await Promise.all([child.out.text(), child.err.text(), child.exited]);
    return { exitCode, stdout, stderr };
  }

  /** What it prints; it must succeed. */
  async stdout(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const { exitCode, stdout, stderr } = await this.run(args, options);
    if (exitCode !== 0) throw new Error(`bl ${args.join(" ")} exited with ${exitCode}: ${stderr}`);
    return stdout;
  }

  /** One that runs beside the test, and is killed at its end. */
  spawn(args: readonly string[], { env, cwd, input }: RunOptions = {}): RunningBl {
    const child = Bun.spawn([BL, ...args], {
      env: this.environment(env),
      cwd: cwd ?? this.home,
      stdin: input === undefined ? "ignore" : new Blob([input as string]),
      stdout: "pipe",
      stderr: "pipe",
    });
    return {
      out: child.stdout,
      err: child.stderr,
      exited: child.exited,
      interrupt: () => child.kill("SIGINT"),
      [Symbol.dispose]: () => child.kill("SIGKILL"),
    };
  }

  [Symbol.dispose](): void {
    rmSync(this.home, { recursive: true, force: true });
  }
}

export interface RunningBl extends Disposable {
  readonly out: ReadableStream<Uint8Array> & { text(): Promise<string> };
  readonly err: ReadableStream<Uint8Array> & { text(): Promise<string> };
  readonly exited: Promise<number>;
  interrupt(): void;
}
