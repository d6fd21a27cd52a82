import { cpus } from "node:os";
import { join } from "node:path";
import { openStore } from "@dormouse/store";
import { newSandbox } from "@dormouse/store/testkit";
import type { Dormouse } from "../support/dormouse.ts";
import { type BenchContext, withDormouse } from "./context.ts";
import { atLeast, atMost, type Figure, ms } from "./figure.ts";
import { requestsPerSecond } from "./load.ts";
import { median, round } from "./stats.ts";

const RECORD_COUNT = 10_000;
const LOAD_CORE = 1;
const TARGET_RPS = 2000;
/** Clients from this version on read pages. */
const VERSION = { "blaxel-version": "2026-04-28" };
const DAY_MS = 86_400_000;

/**
 * Reading records over the API, and starting the server, with many of them; without paging or limits in the request, as the
 * stock SDK asks. The records go straight into the database, which `DORMOUSE_DATABASE_URL` may name, and are of status FAILED:
 * the only ones that the server leaves alone although the machine has no sandbox for them.
 */
export async function benchStore({ isQuick }: BenchContext): Promise<Figure[]> {
  if (cpus().length < 2) throw new Error("Cannot measure the API: it takes two cores");
  return withDormouse({}, async (dormouse) => {
    const rounds = isQuick ? 1 : 5;
    const emptyStartMs = await startMs(dormouse, rounds);
    const removeRecords = await insertRecords(dormouse);
    const fullStartMs = await startMs(dormouse, rounds);
    const durationS = isQuick ? 1 : 5;
    const get = await ratePerSecond(dormouse, `/sandboxes/record-${RECORD_COUNT / 2}`, durationS);
    const list = await ratePerSecond(dormouse, "/sandboxes", durationS);
    await removeRecords();
    return [
      rateFigure("api_get_rps", "GET of one sandbox", get),
      rateFigure("api_list_rps", "GET of 50 sandboxes", list),
      {
        key: "server_start_10000_ms",
        value: round(fullStartMs),
        title: `server start, ${RECORD_COUNT} records`,
        text: `${ms(fullStartMs)} from kill -9 to its first answer`,
        beside: `without records ${ms(emptyStartMs)}`,
        targets: [atMost(fullStartMs, 1000, "≤ 1 s")],
      },
    ];
  });
}

function rateFigure(key: string, title: string, perSecond: number): Figure {
  return {
    key,
    value: Math.round(perSecond),
    title: `${title} of ${RECORD_COUNT}`,
    text: `${Math.round(perSecond)}/s`,
    targets: [atLeast(perSecond, TARGET_RPS, `≥ ${TARGET_RPS}/s, client beside`)],
  };
}

/** Puts the records in, and returns what takes them out again. */
async function insertRecords({ dataDir }: Dormouse): Promise<() => Promise<void>> {
  const databaseUrl = process.env["DORMOUSE_DATABASE_URL"];
  const options = databaseUrl === undefined ? { sqlitePath: join(dataDir, "server/dormouse.sqlite") } : { databaseUrl };
  const records = Array.from({ length: RECORD_COUNT }, (_, at) => newRecord(at));
  await using store = await openStore(options);
  for (const record of records) await store.sandboxes.insert(record);
  return async () => {
    await using store = await openStore(options);
    for (const { id } of records) await store.sandboxes.remove(id);
  };
}

/** One as an agent platform makes it: labels, an environment, ports, and a history. */
function newRecord(at: number) {
  const createdAtMs = Date.now() - DAY_MS + at;
  const { spec } = newSandbox("example");
  const time = new Date(createdAtMs).toISOString();
  const message = "Sandbox is ready";
  return newSandbox(`record-${at}`, {
    labels: { customer: `customer-${at % 100}`, purpose: "bench", tier: "standard" },
    spec: {
      ...spec,
      runtime: {
        ...spec.runtime,
        envs: [
          { name: "NODE_ENV", value: "production" },
          { name: "TOKEN", value: `secret-${at}`, secret: true },
        ],
        ports: [{ target: 3000, protocol: "HTTP", name: "web" }],
      },
    },
    status: "FAILED",
    events: [
      { status: "DEPLOYING", type: "DEPLOYING", message: "Sandbox is starting", time },
      { status: "DEPLOYED", type: "DEPLOYED", message, time },
    ],
    createdAtMs,
    updatedAtMs: createdAtMs,
  });
}

function ratePerSecond({ env }: Dormouse, path: string, durationS: number): Promise<number> {
  const headers = { ...VERSION, authorization: `Bearer ${env["BL_API_KEY"]}` };
  return requestsPerSecond({ url: `${env["BL_API_URL"]}${path}`, headers, durationS, core: LOAD_CORE });
}

/** Median time in which a server that was killed answers again. */
async function startMs({ url, pids }: Dormouse, rounds: number): Promise<number> {
  const samples: number[] = [];
  for (let round = 0; round < rounds; round++) {
    // One that has lived for a while is started again after the shortest delay.
    await Bun.sleep(2500);
    const startedAtMs = performance.now();
    process.kill(pids.server(), "SIGKILL");
    while (!(await isServing(url))) await Bun.sleep(1);
    samples.push(performance.now() - startedAtMs);
  }
  return median(samples);
}

const isServing = (url: string): Promise<boolean> =>
  fetch(`${url}/health`).then(
    (response) => response.ok,
    () => false,
  );
