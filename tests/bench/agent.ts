import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { INSTALL_DIR } from "../support/dormouse.ts";
import type { BenchContext } from "./context.ts";
import { type Figure, ms, summaryText, withFloor } from "./figure.ts";
import { median, round, summarize } from "./stats.ts";

const AGENT = join(INSTALL_DIR, "dist/sandbox-api");
const BUN = join(INSTALL_DIR, "node_modules/.bin/bun");
const READY_FD = 3;
/** The least that serves HTTP and says so. */
const SMALLEST = `
  const server = Bun.serve({ port: 0, development: false, fetch: () => new Response("ok") });
  require("node:fs").writeSync(${READY_FD}, "ready\\n");`;

/** The agent by itself, from its start to its first possible answer, and what it then holds; beside it the smallest program of its kind. */
export async function benchAgent({ isQuick }: BenchContext): Promise<Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), "dormouse-bench-agent-"));
  try {
    const smallest = await compileSmallest(folder);
    const agents: Start[] = [];
    const floors: Start[] = [];
    for (let index = -3; index < (isQuick ? 15 : 60); index++) {
      const agent = await start([AGENT, "-p", String(freePort())], folder);
      const floor = await start([smallest], folder);
      if (index < 0) continue;
      agents.push(agent);
      floors.push(floor);
    }
    return [startFigure(agents, floors), memoryFigure(agents, floors)];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function startFigure(agents: readonly Start[], floors: readonly Start[]): Figure {
  const summary = summarize(agents.map(({ tookMs }) => tookMs));
  const floorMs = median(floors.map(({ tookMs }) => tookMs));
  return {
    key: "agent_start_ms",
    value: withFloor(summary, floorMs),
    title: "sandbox-api: spawn → serving",
    text: summaryText(summary),
    beside: `floor ${ms(floorMs)} (smallest compiled Bun server), ratio ${round(summary.p50 / floorMs)}×`,
  };
}

function memoryFigure(agents: readonly Start[], floors: readonly Start[]): Figure {
  const [agent, floor] = [agents, floors].map((starts) => ({
    rss: round(median(starts.map(({ rssMiB }) => rssMiB))),
    anonymous: round(median(starts.map(({ anonymousMiB }) => anonymousMiB))),
  }));
  return {
    key: "agent_rss_mib",
    value: { ...agent, floor_rss: floor?.rss ?? 0, floor_anonymous: floor?.anonymous ?? 0 },
    title: "sandbox-api: memory",
    text: `${agent?.rss} MiB RSS, ${agent?.anonymous} MiB of it anonymous`,
    beside: `floor ${floor?.rss} and ${floor?.anonymous} MiB (smallest compiled Bun server)`,
  };
}

async function compileSmallest(folder: string): Promise<string> {
  const source = join(folder, "smallest.ts");
  const outfile = join(folder, "smallest");
  writeFileSync(source, SMALLEST);
  const argv = [BUN, "build", "--compile", "--minify", "--bytecode", source, "--outfile", outfile];
  const build = Bun.spawn(argv, { stdio: ["ignore", "ignore", "pipe"] });
  if ((await build.exited) !== 0) throw new Error(`Cannot build the floor: ${await build.stderr.text()}`);
  return outfile;
}

interface Start {
  readonly tookMs: number;
  readonly rssMiB: number;
  /** What a sandbox of its own costs: the rest are pages of the executable, which all agents share. */
  readonly anonymousMiB: number;
}

async function start(argv: readonly string[], folder: string): Promise<Start> {
  const env = { PATH: "/usr/bin:/bin", SANDBOX_LOG_DIR: join(folder, "logs"), DORMOUSE_READY_FD: String(READY_FD) };
  const startedAtMs = performance.now();
  const child = Bun.spawn([...argv], { cwd: folder, env, stdio: ["ignore", "ignore", "inherit", "pipe"] });
  try {
    await Bun.file(child.stdio[READY_FD] as number)
      .stream()
      .getReader()
      .read();
    const tookMs = performance.now() - startedAtMs;
    return { tookMs, ...memoryOf(child.pid) };
  } finally {
    child.kill("SIGKILL");
    await child.exited;
  }
}

/** Source: /proc/<pid>/smaps_rollup, in kB. */
function memoryOf(pid: number): { rssMiB: number; anonymousMiB: number } {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const mib = (field: string): number => Number(new RegExp(`^${field}: +(\\d+) kB`, "m").exec(rollup)?.[1]) / 1024;
  return { rssMiB: mib("Rss"), anonymousMiB: mib("Anonymous") };
}

function freePort(): number {
  using server = Bun.serve({ port: 0, fetch: () => new Response() });
  return server.port ?? 0;
}
