import { writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { parseArgs } from "node:util";
import { benchAfterHour, PAGE_OUT_AFTER_A_WHILE } from "./after-hour.ts";
import { benchAgent } from "./agent.ts";
import { benchBurst } from "./burst.ts";
import { type BenchContext, withDormouse } from "./context.ts";
import { benchCreate } from "./create.ts";
import { benchCreateWarm, KEEP_WARM } from "./create-warm.ts";
import { benchCycles } from "./cycles.ts";
import { benchDeepSleep } from "./deep-sleep.ts";
import { benchDensity } from "./density.ts";
import { benchExec } from "./exec.ts";
import { type Figure, renderFigure } from "./figure.ts";
import { benchFiles } from "./files.ts";
import { benchFirstVisit } from "./first-visit.ts";
import { benchGateway } from "./gateway.ts";
import { benchImageBuilds } from "./image-builds.ts";
import { benchImages } from "./images.ts";
import { benchKill9 } from "./kill9.ts";
import { benchMemory, memoryAfter } from "./memory.ts";
import { benchRealWork } from "./real-work.ts";
import { benchPodman } from "./podman.ts";
import { publish, publishedRun, writeCharts } from "./report/publish.ts";
import { benchStore } from "./store.ts";
import { benchWake } from "./wake.ts";
import { benchWatch } from "./watch.ts";
import { benchWebSockets } from "./websockets.ts";

type Benchmarks = Readonly<Record<string, (context: BenchContext) => Promise<Figure[]>>>;

/** On a Dormouse whose sandboxes stay awake. `memory` comes first: it looks at one that has done nothing yet. */
const AWAKE: Benchmarks = {
  memory: benchMemory,
  agent: benchAgent,
  create: benchCreate,
  exec: benchExec,
  files: benchFiles,
  watch: benchWatch,
  gateway: benchGateway,
  visit: benchFirstVisit,
  websockets: benchWebSockets,
  burst: benchBurst,
  store: benchStore,
  work: benchRealWork,
  podman: benchPodman,
  images: benchImages,
  builds: benchImageBuilds,
};
const STAY_AWAKE = { DORMOUSE_IDLE_MS: "600000" };
/** On one that keeps some ready. */
const WARM: Benchmarks = { warm: benchCreateWarm };
/** On one whose sandboxes fall asleep as soon as they may. */
const ASLEEP: Benchmarks = { wake: benchWake, cycles: benchCycles };
const FALL_ASLEEP_SOON = { DORMOUSE_IDLE_MS: "100" };
/** On one whose processes are killed. */
const KILLED: Benchmarks = { kill9: benchKill9 };
/** On one that moves them to swap as soon as they are asleep. */
const DEEP_ASLEEP: Benchmarks = { deep: benchDeepSleep, density: benchDensity };
const FALL_DEEP_ASLEEP_SOON = { ...FALL_ASLEEP_SOON, DORMOUSE_PAGE_OUT_AFTER_MS: "50" };
/** On one that does so after a while. */
const LONG_ASLEEP: Benchmarks = { hour: benchAfterHour };
const NAMES = [AWAKE, WARM, ASLEEP, DEEP_ASLEEP, LONG_ASLEEP, KILLED].flatMap((benchmarks) => Object.keys(benchmarks));

const HELP = `Usage: npm run bench -- [options]

Measures a Dormouse of its own on a free port, each figure beside the machine's floor. Fails only when something breaks,
never because a target is missed.

  --only <names>  of ${NAMES.join(", ")}; separated by commas
  --json <file>   write the figures as JSON
  --charts <dir>  write a chart of each figure as SVG
  --publish       run everything and make it what docs/performance.md and the README show
  --republish     the same with the run that was published last, without measuring
  --quick         fewer rounds, at most three minutes in all
  --help          this text
`;

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    json: { type: "string" },
    charts: { type: "string" },
    publish: { type: "boolean", default: false },
    republish: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

function machineLine(): string {
  const { model = "unknown processor" } = cpus()[0] ?? {};
  return `${cpus().length} cores (${model}), ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Bun ${Bun.version}`;
}

function selectedNames(): string[] {
  const names = values.only?.split(",") ?? NAMES;
  const unknown = names.find((name) => !NAMES.includes(name));
  if (unknown !== undefined) throw new Error(`Cannot run benchmark "${unknown}": there are ${NAMES.join(", ")}`);
  return names;
}

async function runAll(names: readonly string[]): Promise<Figure[]> {
  return [
    ...(await runSome(STAY_AWAKE, AWAKE, names)),
    ...(await runSome({ ...STAY_AWAKE, ...KEEP_WARM }, WARM, names)),
    ...(await runSome(FALL_ASLEEP_SOON, ASLEEP, names)),
    ...(await runSome(STAY_AWAKE, KILLED, names)),
    ...(await runSome(FALL_DEEP_ASLEEP_SOON, DEEP_ASLEEP, names)),
    ...(await runSome({ ...FALL_ASLEEP_SOON, ...PAGE_OUT_AFTER_A_WHILE }, LONG_ASLEEP, names)),
  ];
}

/** Those of `benchmarks` that are named, on one Dormouse. */
async function runSome(
  env: Readonly<Record<string, string>>,
  benchmarks: Benchmarks,
  names: readonly string[],
): Promise<Figure[]> {
  const selected = Object.entries(benchmarks).filter(([name]) => names.includes(name));
  if (selected.length === 0) return [];
  return withDormouse(env, async (dormouse, api) => {
    const figures: Figure[] = [];
    for (const [, run] of selected) figures.push(...print(await run({ dormouse, api, isQuick: values.quick })));
    if (selected.some(([name]) => name === "memory")) figures.push(...print([memoryAfter(dormouse)]));
    return figures;
  });
}

function print(figures: Figure[]): Figure[] {
  for (const figure of figures) console.log(renderFigure(figure));
  return figures;
}

async function measure(): Promise<void> {
  if (values.publish && values.only !== undefined) throw new Error("Cannot publish a part: leave --only out");
  const names = selectedNames();
  console.log(`${machineLine()}\n`);
  const figures = await runAll(names);
  const json = Object.fromEntries(figures.map(({ key, value }) => [key, value]));
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(json, null, 2)}\n`);
  if (values.charts !== undefined) writeCharts(values.charts, figures);
  if (!values.publish) return;
  publish({ machine: machineLine(), date: new Date().toISOString().slice(0, 10), figures });
}

if (values.help) process.stdout.write(HELP);
else if (values.republish) publish(publishedRun());
else await measure();
