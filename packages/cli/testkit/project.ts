import { afterEach, beforeEach } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { BuildServer } from "./build-server.ts";
import { type CliOutcome, runCli } from "./run-cli.ts";

export interface ProjectSuite {
  readonly server: () => BuildServer;
  /** The current folder of the commands. */
  readonly folder: () => string;
  readonly write: (files: Readonly<Record<string, string>>) => void;
  readonly bl: (...args: readonly string[]) => Promise<CliOutcome>;
}

/** A folder of its own for each test of a file, and a server that its commands go to. */
export function useProject(): ProjectSuite {
  let cwd = "";
  let server: BuildServer | undefined;
  const current = (): BuildServer => {
    if (server === undefined) throw new Error("no test runs");
    return server;
  };
  beforeEach(() => {
    cwd = mkdtempSync(join(tmpdir(), "dormouse-cli-"));
    server = new BuildServer();
  });
  afterEach(() => {
    current()[Symbol.dispose]();
    rmSync(cwd, { recursive: true, force: true });
  });
  return {
    server: current,
    folder: () => cwd,
    write: (files) => {
      for (const [name, content] of Object.entries(files)) {
        mkdirSync(dirname(join(cwd, name)), { recursive: true });
        writeFileSync(join(cwd, name), content);
      }
    },
    bl: (...args) => runCli(args, { cwd, env: current().env }),
  };
}
