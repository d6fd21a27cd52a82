import { dlopen, FFIType } from "bun:ffi";
import { mkdtempSync, rmSync, watch } from "node:fs";
import { join } from "node:path";
import type { BenchContext } from "./context.ts";
import { type Figure, ms, summaryText, withFloor } from "./figure.ts";
import { median, round, summarize } from "./stats.ts";

const FOLDER = "/blaxel/watched";
const INTERVAL_MS = 10;

/** Makes files whose names say when, on the machine's monotonic clock, which sandboxes share. */
const WRITER = `
  const [folder, count] = process.argv.slice(1);
  let made = 0;
  const timer = setInterval(() => {
    require("node:fs").writeFileSync(folder + "/" + process.hrtime.bigint(), "");
    if (++made >= Number(count)) clearInterval(timer);
  }, ${INTERVAL_MS});`;

/** From a file's appearance in a sandbox to the line about it at the client, through the gateway; beside it the bare inotify. */
export async function benchWatch({ api, dormouse, isQuick }: BenchContext): Promise<Figure[]> {
  const count = isQuick ? 50 : 300;
  await using sandbox = await api.create("watch");
  await sandbox.exec(`mkdir ${FOLDER}`);
  const response = await api.fetch(`${sandbox.url}/watch/filesystem/${encodeURIComponent(FOLDER)}`);
  if (response.body === null || !response.ok) throw new Error(`Cannot watch: it was answered ${response.status}`);
  const writing = sandbox.exec(`node -e '${WRITER}' ${FOLDER} ${count}`);
  const summary = summarize(await latenciesMs(response.body, count));
  await writing;
  const floorMs = median(await bareLatenciesMs(dormouse.dataDir, count));
  return [
    {
      key: "watch_event_ms",
      value: withFloor(summary, floorMs),
      title: "file made → event at the client",
      text: summaryText(summary),
      beside: `floor ${ms(floorMs)} (inotify on the machine), ratio ${round(summary.p50 / floorMs)}×`,
    },
  ];
}

async function latenciesMs(body: ReadableStream<Uint8Array>, count: number): Promise<number[]> {
  const samples: number[] = [];
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of body) {
    const arrivedAtNs = monotonicNs();
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const [, name] of lines.join("\n").matchAll(/"op":"CREATE","name":"(\d+)"/g)) {
      samples.push(Number(arrivedAtNs - BigInt(name ?? 0)) / 1e6);
    }
    if (samples.length >= count) break;
  }
  return samples;
}

async function bareLatenciesMs(dataDir: string, count: number): Promise<number[]> {
  const folder = mkdtempSync(join(dataDir, "bench-watch-"));
  const seen = new Map<string, number>();
  const watcher = watch(folder, (_, name) => {
    if (name !== null && !seen.has(name)) seen.set(name, Number(monotonicNs() - BigInt(name)) / 1e6);
  });
  await Bun.spawn(["node", "-e", WRITER, folder, String(count)], { stdio: ["ignore", "ignore", "inherit"] }).exited;
  watcher.close();
  rmSync(folder, { recursive: true });
  return [...seen.values()];
}

const CLOCK_MONOTONIC = 1;

const libc = dlopen("libc.so.6", { clock_gettime: { args: [FFIType.i32, FFIType.ptr], returns: FFIType.i32 } });

/** What Node's `process.hrtime` shows; Bun's counts from the start of the process. */
function monotonicNs(): bigint {
  const time = new BigInt64Array(2);
  libc.symbols.clock_gettime(CLOCK_MONOTONIC, time);
  return (time[0] ?? 0n) * 1_000_000_000n + (time[1] ?? 0n);
}
