import { afterAll, beforeAll } from "bun:test";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { zipOf } from "@dormouse/kernel/testkit";
import { type EngineImageId, EngineImageRequest, type EngineImageState } from "@dormouse/schema";
import type { EngineProcessOptions } from "./engine-process.ts";
import { newImageId } from "./image-tools.ts";
import { Registry } from "./registry.ts";
import { type EngineSuite, useEngine } from "./suite.ts";

export type ContextContent = Readonly<Record<string, string | Buffer>>;

/** A build context as the ZIP file that is uploaded. */
export const contextOf = (files: ContextContent): ReadableStream<Uint8Array> =>
  new Blob([zipOf(Object.entries(files).map(([name, content]) => ({ name, content })))]).stream();

export interface Built {
  readonly id: EngineImageId;
  readonly state: EngineImageState;
  /** Lines without their times. */
  readonly log: string;
}

export interface BuildSuite {
  readonly engine: EngineSuite;
  /** Docker Hub, as the engine sees it. `busybox` is there. */
  readonly registry: Registry;
  /** Of the engine, to start another one on its folder. */
  readonly engineOptions: EngineProcessOptions;
  /** Builds to the end, in a scope of the test's file unless it says another. */
  build(files: ContextContent, request?: Partial<EngineImageRequest>): Promise<Built>;
  /** Begins a build and does not wait for it. */
  begin(files: ContextContent, request?: Partial<EngineImageRequest>): Promise<EngineImageId>;
  logOf(id: EngineImageId): Promise<string>;
  /** Resolves when the log of a build says this. */
  untilSaid(id: EngineImageId, text: string): Promise<void>;
}

/** One real engine and one real registry for the tests of a file. */
export function useBuilds(options: EngineProcessOptions = {}): BuildSuite {
  let registry: Registry | undefined;
  const theRegistry = (): Registry => {
    if (registry === undefined) throw new Error("the suite has not started");
    return registry;
  };
  beforeAll(async () => {
    registry = await Registry.start();
    await pushBusybox(registry);
  }, 60_000);
  const engineOptions = (): EngineProcessOptions => ({ registries: { "docker.io": theRegistry().url }, ...options });
  const engine = useEngine(engineOptions);
  afterAll(() => registry?.[Symbol.asyncDispose]());

  const begin: BuildSuite["begin"] = async (files, request = {}) => {
    const id = newImageId();
    const whole = EngineImageRequest.parse({ source: { kind: "context" }, cacheScope: "tests", ...request });
    await engine.port.buildImage(id, whole, contextOf(files));
    return id;
  };
  const logOf: BuildSuite["logOf"] = async (id) => {
    const log = await engine.port.imageLog(id, { fromByte: 0, follow: true });
    return (await new Response(log).text()).replaceAll(/^\S+Z /gm, "");
  };
  const untilSaid: BuildSuite["untilSaid"] = async (id, text) => {
    const decoder = new TextDecoder();
    let said = "";
    for await (const chunk of await engine.port.imageLog(id, { fromByte: 0, follow: true })) {
      said += decoder.decode(chunk, { stream: true });
      if (said.includes(text)) return;
    }
    throw new Error(`the build ended without saying "${text}": ${said}`);
  };
  return {
    engine,
    get registry() {
      return theRegistry();
    },
    get engineOptions() {
      return engineOptions();
    },
    begin,
    logOf,
    untilSaid,
    build: async (files, request) => {
      const id = await begin(files, request);
      const log = await logOf(id);
      return { id, log, state: await engine.port.waitForImage(id) };
    },
  };
}

const TOOLS = `
cat chmod chown dd echo false grep head id kill ls mkdir mknod mount nc nsenter ps pwd rm seq sh sleep sort stat tail test touch tr
true umount unshare wc wget yes
`
  .trim()
  .split(/\s+/);

/** `busybox:latest`: one static program under the names of many. */
async function pushBusybox(registry: Registry): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), "dormouse-busybox-"));
  try {
    chmodSync(root, 0o755);
    for (const dir of ["bin", "etc", "tmp"]) mkdirSync(join(root, dir));
    copyFileSync("/bin/busybox", join(root, "bin/busybox"));
    for (const tool of TOOLS) symlinkSync("busybox", join(root, "bin", tool));
    await registry.push("library/busybox", root, { env: { PATH: "/bin" }, cmd: ["sh"] });
  } finally {
    rmSync(root, { recursive: true });
  }
}
