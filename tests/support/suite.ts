import { afterAll, beforeAll, expect, setDefaultTimeout } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Api } from "./api.ts";
import { type Dormouse, startDormouse } from "./dormouse.ts";
import { tracesLeftBy } from "./traces.ts";

export interface DormouseSuite {
  readonly dormouse: Dormouse;
  readonly api: Api;
  /** Folders of sandboxes the engine has on disk. */
  sandboxFolders(): string[];
  /** Another `up` on the same data folder, with more in its environment; the earlier one must have ended. */
  startAgain(env?: Readonly<Record<string, string>>): Promise<void>;
}

/** A test that runs out of time has its processes killed, and the Dormouse of the file is one of them. */
const TEST_TIMEOUT_MS = 120_000;

/** One Dormouse for the tests of a file, and clients that trust the certificates in `ca`, PEM; when they are done and their sandboxes deleted, nothing of it may be left. */
export function useDormouse(env: Readonly<Record<string, string>> = {}, ca?: string): DormouseSuite {
  setDefaultTimeout(TEST_TIMEOUT_MS);
  let dormouse: Dormouse | undefined;
  let api: Api | undefined;
  const dataDir = mkdtempSync("/var/tmp/dormouse-test-");
  const start = async (more: Readonly<Record<string, string>> = {}): Promise<void> => {
    dormouse = await startDormouse({ dataDir, env: { ...env, ...more } });
    api = new Api(dormouse.env, ca);
  };

  beforeAll(() => start());

  afterAll(async () => {
    try {
      await api?.removeAll();
    } finally {
      await dormouse?.stop();
      const traces = await tracesLeftBy(dataDir);
      rmSync(dataDir, { recursive: true, force: true });
      expect(traces).toEqual([]);
    }
  });

  return {
    get dormouse() {
      if (dormouse === undefined) throw new Error("the suite has not started");
      return dormouse;
    },
    get api() {
      if (api === undefined) throw new Error("the suite has not started");
      return api;
    },
    sandboxFolders: () => readdirSync(join(dataDir, "sandboxes")),
    startAgain: start,
  };
}
