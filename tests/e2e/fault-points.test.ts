import { afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { instanceName } from "@dormouse/engine";
import { connectEngine } from "@dormouse/engine/client";
import { contextOf, tracesOnMachine } from "@dormouse/engine/testkit";
import { FAULT_POINTS, type FaultPoint } from "@dormouse/kernel";
import { EngineImageId, EngineImageRequest, type SandboxAnswer } from "@dormouse/schema";
import { appServer } from "../support/app-server.ts";
import { eventually, untilDead } from "../support/eventually.ts";
import { useDormouse } from "../support/suite.ts";
import { untilStatus, upload } from "../support/uploads.ts";

/* The engine or the server ends at every fault point; in between, a sandbox beside keeps its memory over all of it. */
const suite = useDormouse({ DORMOUSE_IDLE_MS: "300" });

const REQUEST_MAX_MS = 10_000;

interface Operation {
  /** Before the process that will end has started. */
  readonly prepare: () => Promise<void>;
  /** What a user does; the process ends on the way. */
  readonly act: () => Promise<unknown>;
  /** What must hold when the API is back; `answer` is what `act` came to, if the connection held. */
  readonly check: (answer: unknown) => Promise<void>;
  readonly points: readonly FaultPoint[];
}

const START: readonly FaultPoint[] = [
  "engine.start.groups",
  "engine.start.mounted",
  "engine.start.running",
  "engine.start.recorded",
];

/** Of a build that copies one file. */
const BUILD_MAX_MS = 60_000;

const VOLUMES = { volumes: [{ name: "data", mountPath: "/data" }] };
const BODY = { metadata: { name: "subject" }, spec: { runtime: { memory: 256 }, ...VOLUMES } };
const createSubject = () => suite.api.create("subject", { runtime: { memory: 256 }, ...VOLUMES });

const OPERATIONS: Readonly<Record<string, Operation>> = {
  create: {
    prepare: async () => undefined,
    act: () => suite.api.call("POST", "/sandboxes", { body: BODY }),
    check: async () => {
      const again = await suite.api.call("POST", "/sandboxes?createIfNotExist=true", { body: BODY });
      expect(again).toMatchObject({ status: 200, body: { status: "DEPLOYED" } });
      expect(await suite.api.run("subject", "cat /data/file && hostname")).toBe("precious\nsubject\n");
    },
    points: [
      "server.create.recorded",
      "server.create.attached",
      "engine.create.claimed",
      "engine.create.folder",
      "engine.create.spec",
      ...START,
      "server.create.started",
      "server.create.deployed",
    ],
  },
  sleep: {
    prepare: async () => {
      await prepareCounting();
      // The point is met when the request that wakes it is over, and not before.
      for (const name of ["beside", "subject"]) await suite.api.untilState(name, "STANDBY");
    },
    act: () => suite.api.text("subject", "/port/3000/headers"),
    check: async () => {
      await expectCounts();
      await suite.api.untilState("subject", "STANDBY");
      await expectCounts();
    },
    points: ["server.sleep.asked", "engine.sleep.asked", "engine.sleep.frozen", "server.sleep.done"],
  },
  wake: {
    prepare: async () => {
      await prepareCounting();
      await suite.api.untilState("subject", "STANDBY");
    },
    act: () => suite.api.text("subject", "/port/3000/headers"),
    check: expectCounts,
    points: ["server.wake.thawed"],
  },
  enable: {
    prepare: async () => {
      await prepareCounting();
      await setEnabled(false);
    },
    act: () => setEnabled(true),
    check: async () => {
      await setEnabled(true);
      await expectCounts();
    },
    points: ["engine.wake.thawed"],
  },
  restart: {
    prepare: async () => {
      await createSubject();
      await suite.api.run("subject", "echo kept > /root/file");
      const initPid = initPidOfSubject();
      process.kill(initPid, "SIGKILL");
      await untilDead(initPid);
    },
    act: () => suite.api.run("subject", "true"),
    check: async () => {
      expect(await suite.api.run("subject", "cat /root/file /data/file")).toBe("kept\nprecious\n");
      await eventually(async () =>
        expect((await suite.api.get("subject")).events.map(({ type }) => type)).toContain("restarted"),
      );
    },
    points: ["engine.restart.ended", ...START, "server.wake.woken"],
  },
  delete: {
    prepare: async () => void (await createSubject()),
    act: () => suite.api.call("DELETE", "/sandboxes/subject"),
    check: async (answer) => {
      if (answer !== undefined) expect(answer).toMatchObject({ status: 200 });
      await eventually(async () =>
        expect(await suite.api.call("GET", "/sandboxes/subject")).toMatchObject({ status: 404 }),
      );
      await createSubject();
      expect(await suite.api.run("subject", "cat /data/file")).toBe("precious\n");
    },
    points: [
      "server.delete.marked",
      "engine.remove.unrecorded",
      "engine.remove.ended",
      "engine.remove.released",
      "engine.remove.erased",
      "server.delete.removed",
      "server.delete.released",
      "server.delete.forgotten",
    ],
  },
  build: {
    prepare: async () => undefined,
    act: () => upload(suite.api, "subject", CONTEXT),
    check: async () => {
      expect((await untilBuilt()).spec.runtime.image).toMatch(/^sandbox\/subject:\w+$/);
      expect(await suite.api.text("subject", "/filesystem/Dockerfile")).toContain("FROM scratch");
      await removeImage();
    },
    points: [
      "server.build.received",
      "server.build.building",
      "server.build.built",
      "server.build.published",
      "server.build.deploying",
    ],
  },
  "build that fails": {
    prepare: async () => undefined,
    act: () => upload(suite.api, "subject", CONTEXT),
    check: async () => {
      // The engine may have had all that it needs to go on.
      const { status, errors } = await eventually(untilSettled, BUILD_MAX_MS);
      if (status === "FAILED") expect(errors).toMatchObject([{ message: expect.stringContaining("Cannot ") }]);
      await upload(suite.api, "subject", CONTEXT, { method: "PUT" });
      await untilBuilt();
      await removeImage();
    },
    points: ["server.build.claimed", "engine.build.queued", "engine.build.begun", "engine.build.stored"],
  },
  "clean-up of images": {
    prepare: async () => {
      await createSubject();
      mkdirSync(join(imagesDir(), "layers", UNUSED_LAYER));
    },
    act: () => connectEngine(engineSocket()).collectImages(),
    check: async () => {
      expect(readdirSync(join(imagesDir(), "layers"))).not.toContain(UNUSED_LAYER);
      await eventually(async () => expect(readdirSync(join(imagesDir(), "trash"))).toEqual([]));
      expect(await suite.api.run("subject", "cat /data/file")).toBe("precious\n");
    },
    points: ["engine.images.discarded"],
  },
  "build of an image": {
    prepare: async () => undefined,
    act: () => connectEngine(engineSocket()).buildImage(NEW_IMAGE, BUILD, contextOf(CONTEXT)),
    check: async () => {
      const engine = connectEngine(engineSocket());
      expect(await engine.image(NEW_IMAGE)).toMatchObject({ status: "failed", failure: { code: "BUILD_INTERRUPTED" } });
      expect(readdirSync(join(imagesDir(), "ids"))).toEqual([]);
      await engine.removeImage(NEW_IMAGE);
      await engine.buildImage(NEW_IMAGE, BUILD, contextOf(CONTEXT));
      expect(await engine.waitForImage(NEW_IMAGE)).toMatchObject({ status: "ready" });
      await engine.removeImage(NEW_IMAGE);
    },
    points: ["engine.build.queued", "engine.build.begun", "engine.build.stored"],
  },
};

const NEW_IMAGE = EngineImageId.parse("faultyimage");
const BUILD = EngineImageRequest.parse({ source: { kind: "context" }, cacheScope: "faults" });
const CONTEXT = { Dockerfile: "FROM scratch\nCOPY Dockerfile /\n" };
const UNUSED_LAYER = "nobody-uses-it";
const imagesDir = (): string => join(suite.dormouse.dataDir, "images");
const engineSocket = (): string => `/run/dormouse/${instanceName(suite.dormouse.dataDir)}/engine.sock`;

beforeAll(async () => {
  await suite.api.call("POST", "/volumes", { body: { metadata: { name: "data" }, spec: { size: 64 } } });
  await createSubject();
  await suite.api.run("subject", "echo precious > /data/file");
  await suite.api.remove("subject");
  await suite.api.create("beside", { runtime: { memory: 256 } });
  await appServer(suite.api, "beside", 3000);
});

afterEach(removeSubject);

const CASES = Object.entries(OPERATIONS).flatMap(([name, { points }]) => points.map((point) => [name, point] as const));
let countBeside = 0;

describe("kill -9 at every step: nothing is lost, nothing is left half-made, the API is back", () => {
  test.each(CASES)("%s, at %s", async (name, point) => {
    const operation = OPERATIONS[name];
    if (operation === undefined) throw new Error(`there is no operation "${name}"`);
    await operation.prepare();
    await suite.dormouse.stop();
    await suite.startAgain({ DORMOUSE_FAULT_POINT: point });
    const { pids } = suite.dormouse;
    const victim = point.startsWith("engine.") ? pids.engine() : pids.server();
    const acting = withinMs(REQUEST_MAX_MS, operation.act());
    await untilDead(victim);
    const apiBackMs = await untilApiIsBack();
    const answer = await acting;
    await operation.check(answer);
    console.log(`${name} at ${point}: the API is back after ${Math.round(apiBackMs)} ms`);
    await removeSubject();
    expect(await suite.api.text("beside", "/port/3000/count")).toBe(String(++countBeside));
    expect(await leftBeside()).toEqual([]);
  });

  test("no fault point is left out", () => {
    expect(new Set(CASES.map(([, point]) => point))).toEqual(new Set(Object.keys(FAULT_POINTS) as FaultPoint[]));
    const page = readFileSync(join(import.meta.dir, "../../docs/decisions/0019-what-survives.md"), "utf8");
    for (const point of Object.keys(FAULT_POINTS)) expect(page).toContain(`\`${point}\``);
  });

  test("and when all is deleted nothing is left on the machine", async () => {
    await eventually(() => suite.api.removeAll());
    expect((await suite.api.call("DELETE", "/volumes/data")).status).toBe(200);
    expect(suite.sandboxFolders()).toEqual([]);
  });
});

/** Also while the API is away. */
async function removeSubject(): Promise<void> {
  await eventually(async () => {
    if ((await suite.api.list()).includes("subject")) await suite.api.remove("subject");
  });
}

async function prepareCounting(): Promise<void> {
  await createSubject();
  await appServer(suite.api, "subject", 3000);
  expect(await suite.api.text("subject", "/port/3000/count")).toBe("1");
  countOfSubject = 1;
}

let countOfSubject = 0;

/** Its memory and its processes are what they were. */
async function expectCounts(): Promise<void> {
  expect(await suite.api.text("subject", "/port/3000/count")).toBe(String(++countOfSubject));
}

async function setEnabled(enabled: boolean): Promise<void> {
  const { status } = await suite.api.call("PUT", "/sandboxes/subject", { body: { spec: { enabled } } });
  expect(status).toBe(200);
}

/** An answer, or `undefined` when the connection was cut off; a request that hangs fails the test. */
async function withinMs(timeoutMs: number, call: Promise<unknown>): Promise<unknown> {
  const silence = Promise.withResolvers<never>();
  const timer = setTimeout(() => silence.reject(new Error(`no end within ${timeoutMs} ms`)), timeoutMs);
  try {
    return await Promise.race([call.catch(() => undefined), silence.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Server and engine answer; how long that took, whose limit is in the benchmark: it depends on who else uses the machine. */
async function untilApiIsBack(): Promise<number> {
  const startedAtMs = performance.now();
  const unix = engineSocket();
  await eventually(() => fetch("http://engine/health", { unix } as RequestInit));
  await eventually(() => suite.api.list());
  return performance.now() - startedAtMs;
}

const untilBuilt = () => untilStatus(suite.api, "subject", "DEPLOYED");

async function untilSettled(): Promise<SandboxAnswer> {
  const subject = await suite.api.get("subject");
  if (subject.status !== "FAILED" && subject.status !== "DEPLOYED") throw new Error(`it is ${subject.status}`);
  return subject;
}

async function removeImage(): Promise<void> {
  await suite.api.remove("subject");
  expect(await suite.api.call("DELETE", "/images/sandbox/subject")).toMatchObject({ status: 200 });
}

function initPidOfSubject(): number {
  const folders = suite.sandboxFolders().map((id) => join(suite.dormouse.dataDir, "sandboxes", id));
  const folder = folders.find((dir) => readFileSync(join(dir, "spec.json"), "utf8").includes('"hostname":"subject"'));
  return (JSON.parse(readFileSync(join(folder ?? "", "run.json"), "utf8")) as { initPid: number }).initPid;
}

/** What the machine holds of sandboxes that are gone, or of volumes nobody uses. */
async function leftBeside(): Promise<string[]> {
  const traces = await tracesOnMachine(instanceName(suite.dormouse.dataDir));
  const [beside, ...others] = suite.sandboxFolders();
  const strangers = traces.filter((line) => line.startsWith("process ") && !line.includes(beside ?? ""));
  return [...others, ...strangers, ...traces.filter((line) => line.startsWith("loop device"))];
}
