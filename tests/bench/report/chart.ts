import type { Figure } from "../figure.ts";
import { round } from "../stats.ts";

interface Bar {
  readonly label: string;
  readonly value: number;
  readonly kind: "ours" | "beside";
}

/** Names of parts of a value, and what is no measure of ours in them. */
const LABELS: Readonly<Record<string, string>> = {
  p50: "p50",
  p99: "p99",
  first_p50: "the very first, p50",
  floor_p50: "floor, p50",
  floor_rss: "floor, all",
  floor_anonymous: "floor, anonymous",
  rss: "all",
  wall_ms: "wall time",
  api_back_ms: "at most",
  api_back_p50_ms: "p50",
};
const BESIDE = /^(floor|caddy|nginx|direct|cp|podman)/;

/** Parts that are counted in another unit than the rest. */
const NOT_DRAWN: Readonly<Record<string, readonly string[]>> = {
  burst_100: ["failures"],
  kill9: ["lost"],
  density_1000: ["mem_available_delta_mib"],
  idle_sockets_10000: ["open"],
};

const UNITS: readonly (readonly [RegExp, string])[] = [
  [/_ms$|^kill9$|^burst_100$/, "ms"],
  [/_mib_s$/, "MiB/s"],
  [/_mib$|^idle_sockets/, "MiB"],
  [/^sleep_bytes/, "bytes"],
  [/_rps$|_per_s$/, "a second"],
  [/_ratio$/, "×"],
];

const WIDTH = 720;
const LABEL_WIDTH = 190;
const VALUE_WIDTH = 130;
const ROW_HEIGHT = 26;
const HEAD_HEIGHT = 44;

/* Colours that can be told apart in both schemes, by people who see no red or green as well. */
const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600; font-size: 15px }
  .note { fill: #59636e }
  .ours { fill: #0969da }
  .beside { fill: #8c959f }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc } .note { fill: #9198a1 } .ours { fill: #4493f8 } .beside { fill: #656c76 }
  }`;

/** Horizontal bars, ours and what stands beside them, with the targets below. */
export function renderChart({ key, title, value, targets = [] }: Figure): string {
  const bars = barsOf(key, value);
  const largest = Math.max(...bars.map((bar) => bar.value), Number.MIN_VALUE);
  const unit = UNITS.find(([pattern]) => pattern.test(key))?.[1] ?? "";
  const height = HEAD_HEIGHT + bars.length * ROW_HEIGHT + (targets.length > 0 ? ROW_HEIGHT : 6);
  const rows = bars.map((bar, index) => renderBar(bar, { index, share: bar.value / largest, unit }));
  const note = targets.map((target) => `${target.isReached ? "✔" : "✘"} ${target.text}`).join("   ");
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escape(title)}">`,
    `<style>${STYLE}\n</style>`,
    `<text class="title" x="0" y="20">${escape(title)}</text>`,
    ...rows,
    ...(note === "" ? [] : [`<text class="note" x="0" y="${height - 8}">${escape(note)}</text>`]),
    "</svg>\n",
  ].join("\n");
}

function barsOf(key: string, value: Figure["value"]): Bar[] {
  if (typeof value === "number") return [{ label: "measured", value, kind: "ours" }];
  return Object.entries(value)
    .filter(([part]) => NOT_DRAWN[key]?.includes(part) !== true)
    .map(([part, amount]) => ({
      label: LABELS[part] ?? part.replaceAll("_", " "),
      value: amount,
      kind: BESIDE.test(part) ? "beside" : "ours",
    }));
}

function renderBar(bar: Bar, { index, share, unit }: { index: number; share: number; unit: string }): string {
  const y = HEAD_HEIGHT + index * ROW_HEIGHT;
  const length = round(Math.max(1, share * (WIDTH - LABEL_WIDTH - VALUE_WIDTH)));
  return [
    `<text x="${LABEL_WIDTH - 10}" y="${y + 4}" text-anchor="end">${escape(bar.label)}</text>`,
    `<rect class="${bar.kind}" x="${LABEL_WIDTH}" y="${y - 9}" width="${length}" height="17" rx="2"/>`,
    `<text x="${LABEL_WIDTH + length + 8}" y="${y + 4}">${escape(`${round(bar.value).toLocaleString("en")} ${unit}`.trim())}</text>`,
  ].join("\n");
}

const escape = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
