import { afterAll, beforeAll, expect } from "bun:test";
import { AppError, randomId } from "@dormouse/kernel";
import { type EnginePort, EngineSandboxSpec } from "@dormouse/schema";
import { type EngineProcess, type EngineProcessOptions, TestData } from "./engine-process.ts";
import { addBaseImage } from "./images.ts";
import { tracesOnMachine } from "./machine.ts";
import { instanceName } from "../src/instance.ts";

export interface EngineSuite {
  readonly data: TestData;
  readonly port: EnginePort;
  /** The running engine; set it after a restart. */
  engine: EngineProcess;
  /** What the machine holds of this engine and its sandboxes now. */
  traces(): Promise<string[]>;
}

/** One real engine for the tests of a file, with the base image; nothing of it may be left when they are done. */
export function useEngine(options: EngineProcessOptions | (() => EngineProcessOptions) = {}): EngineSuite {
  let instance = "";
  let data: TestData | undefined;
  let engine: EngineProcess | undefined;

  beforeAll(async () => {
    data = new TestData();
    instance = instanceName(data.dir);
    await addBaseImage(data.dir);
    engine = await data.start(typeof options === "function" ? options() : options);
  }, 300_000);

  afterAll(async () => {
    await data?.[Symbol.asyncDispose]();
    expect(await tracesOnMachine(instance)).toEqual([]);
  }, 60_000);

  return {
    get data() {
      if (data === undefined) throw new Error("the suite has not started");
      return data;
    },
    get engine() {
      if (engine === undefined) throw new Error("the suite has not started");
      return engine;
    },
    set engine(restarted) {
      engine = restarted;
    },
    get port() {
      return this.engine.port;
    },
    traces: () => tracesOnMachine(instance),
  };
}

export const newSpec = (overrides: Partial<EngineSandboxSpec> = {}): EngineSandboxSpec =>
  EngineSandboxSpec.parse({
    id: randomId(),
    hostname: "box",
    image: "blaxel/base-image:latest",
    memoryMiB: 512,
    cpuCount: 1,
    env: {},
    ...overrides,
  });

/** The `AppError` a call fails with; a success or another error fails the test. */
export const failure = (call: Promise<unknown>): Promise<AppError> =>
  call.then(
    () => Promise.reject(new Error("it did not fail")),
    (error: unknown) => (error instanceof AppError ? error : Promise.reject(error as Error)),
  );
