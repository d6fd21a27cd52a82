import { writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { parseArgs } from "node:util";
import { setTimeout as delay } from "node:timers/promises";
import { benchBurst } from "./burst.ts";
import { type BenchContext, withDormouse } from "./context.ts";
import { benchCreate } from "./create.ts";
import { benchExec } from "./exec.ts";
import { type Figure, renderFigure } from "./figure.ts";
import { benchGateway } from "./gateway.ts";
import { memoryFigures, memoryOf } from "./memory.ts";
import { benchWake } from "./wake.ts";

const BENCHMARKS: Readonly<Record<string, (context: BenchContext) => Promise<Figure[]>>> = {
  create: benchCreate,
  exec: benchExec,
  wake: benchWake,
  gateway: benchGateway,
  burst: benchBurst,
};
/** Sleep is measured by `wake` alone, on a Dormouse of its own. */
const NO_SLEEP = { DORMOUSE_IDLE_MS: "600000" };
/** Before what an idle Dormouse holds is looked at. */
const IDLE_MS = 2000;

const HELP = `Usage: npm run bench -- [options]

Measures a Dormouse of its own on a free port, each figure beside the machine's floor. Fails only when something breaks,
never because a target is missed.

  --only <names>  of ${Object.keys(BENCHMARKS).join(", ")}; separated by commas
  --json <file>   write the figures as JSON
  --quick         fewer rounds, at most a minute in all
  --help          this text
`;

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    json: { type: "string" },
    quick: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

function selected(): ((context: BenchContext) => Promise<Figure[]>)[] {
  const names = values.only?.split(",") ?? Object.keys(BENCHMARKS);
  return names.map((name) => {
    const run = BENCHMARKS[name];
    if (run === undefined)
      throw new Error(`Cannot run benchmark "${name}": there are ${Object.keys(BENCHMARKS).join(", ")}`);
    return run;
  });
}

async function runBenchmarks(): Promise<Figure[]> {
  const benchmarks = selected();
  const { model = "unknown processor" } = cpus()[0] ?? {};
  console.log(
    `${cpus().length} cores (${model}), ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Bun ${Bun.version}\n`,
  );
  return withDormouse(NO_SLEEP, async (dormouse, api) => {
    await delay(IDLE_MS);
    const idle = memoryOf(dormouse);
    const figures: Figure[] = [];
    for (const run of benchmarks) figures.push(...print(await run({ dormouse, api, isQuick: values.quick })));
    return [...figures, ...print(memoryFigures(idle, memoryOf(dormouse)))];
  });
}

function print(figures: Figure[]): Figure[] {
  for (const figure of figures) console.log(renderFigure(figure));
  return figures;
}

if (values.help) {
  process.stdout.write(HELP);
} else {
  const figures = await runBenchmarks();
  const json = Object.fromEntries(figures.map(({ key, value }) => [key, value]));
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(json, null, 2)}\n`);
}
