import { mkdtempSync, rmSync, writeFileSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Api, Sandbox } from "./api.ts";
import type { BenchContext } from "./context.ts";
import { atLeast, atMost, type Figure, ms, summaryText, withFloor } from "./figure.ts";
import { median, round, summarize, timeMs } from "./stats.ts";

const FILE_COUNT = 1000;
const FILES_PER_FOLDER = 100;
const CONTENT = "export const value = 1;\n".repeat(40);
const BIG_FILE_MIB = 1024;

/** Files through the whole way, gateway and agent, beside the same on the machine's own file system. */
export async function benchFiles({ api, dormouse, isQuick }: BenchContext): Promise<Figure[]> {
  await using sandbox = await api.create("files");
  const folder = mkdtempSync(join(dormouse.dataDir, "bench-files-"));
  try {
    const tree = await benchTree(sandbox, folder, isQuick ? 5 : 15);
    return [tree, ...(await benchBigFile({ api, sandbox, folder }, isQuick ? 1 : 3))];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function benchTree(sandbox: Sandbox, folder: string, rounds: number): Promise<Figure> {
  const files = smallFiles();
  const samples: number[] = [];
  const floors: number[] = [];
  for (let index = -1; index < rounds; index++) {
    const tookMs = await timeMs(() => sandbox.writeTree(`/blaxel/tree-${index}`, files));
    const floorMs = await timeMs(() => writeAll(join(folder, `tree-${index}`), files));
    if (index < 0) continue;
    samples.push(tookMs);
    floors.push(floorMs);
  }
  const summary = summarize(samples);
  const floorMs = median(floors);
  const ratio = summary.p50 / floorMs;
  return {
    key: "write_tree_1000_ms",
    value: withFloor(summary, floorMs),
    title: "writeTree of 1,000 files",
    text: summaryText(summary),
    beside: `floor ${ms(floorMs)} (bare loop on the machine), ratio ${round(ratio)}×`,
    targets: [atMost(ratio, 3, "≤ 3× floor")],
  };
}

function smallFiles(): Record<string, string> {
  const paths = Array.from({ length: FILE_COUNT }, (_, at) => `src/${Math.floor(at / FILES_PER_FOLDER)}/${at}.ts`);
  return Object.fromEntries(paths.map((path) => [path, CONTENT]));
}

async function writeAll(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    const file = join(folder, path);
    mkdirSync(join(file, ".."), { recursive: true });
    writeFileSync(file, content);
  }
}

interface BigFileJob {
  readonly api: Api;
  readonly sandbox: Sandbox;
  readonly folder: string;
}

/** Up as one multipart request, down raw; curl is the client, so that it is not what limits. */
async function benchBigFile({ api, sandbox, folder }: BigFileJob, rounds: number): Promise<Figure[]> {
  const source = join(folder, "source");
  const target = join(folder, "target");
  await run(["dd", "if=/dev/zero", `of=${source}`, "bs=1M", `count=${BIG_FILE_MIB}`, "status=none"]);
  const url = `${sandbox.url}/filesystem//blaxel/big`;
  const curl = ["curl", "-sS", "--fail-with-body", ...api.curlHeaders(), "-o"];
  const uploadMs: number[] = [];
  const downloadMs: number[] = [];
  const copyMs: number[] = [];
  for (let index = 0; index < rounds; index++) {
    rmSync(target, { force: true });
    copyMs.push(await timeMs(() => run(["cp", "--reflink=never", source, target])));
    uploadMs.push(await timeMs(() => run([...curl, "/dev/null", "-X", "PUT", "-F", `file=@${source}`, url])));
    rmSync(target);
    downloadMs.push(await timeMs(() => run([...curl, target, "-H", "Accept: application/octet-stream", url])));
    if (statSync(target).size !== BIG_FILE_MIB * 2 ** 20) throw new Error("Cannot measure: the file came back cut");
  }
  return [rateFigure("upload", uploadMs, copyMs), rateFigure("download", downloadMs, copyMs)];
}

function rateFigure(direction: "upload" | "download", samples: readonly number[], copies: readonly number[]): Figure {
  const rate = (tookMs: number): number => BIG_FILE_MIB / (tookMs / 1000);
  const value = rate(median(samples));
  const floor = rate(median(copies));
  return {
    key: `${direction}_1gib_mib_s`,
    value: { mib_s: Math.round(value), cp_mib_s: Math.round(floor) },
    title: `${direction} of 1 GiB`,
    text: `${Math.round(value)} MiB/s`,
    beside: `cp of the same file ${Math.round(floor)} MiB/s, ratio ${round(value / floor)}×`,
    targets: [atLeast(value / floor, 0.5, "≥ 0.5× cp")],
  };
}

async function run(argv: readonly string[]): Promise<void> {
  const child = Bun.spawn([...argv], { stdio: ["ignore", "ignore", "pipe"] });
  if ((await child.exited) !== 0) throw new Error(`"${argv[0]}" failed: ${await child.stderr.text()}`);
}
