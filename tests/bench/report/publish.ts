import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { INSTALL_DIR } from "../../support/dormouse.ts";
import type { Figure } from "../figure.ts";
import { BOUNDS } from "./bounds.ts";
import { renderChart } from "./chart.ts";

/** One run, as it is kept. */
export interface Run {
  readonly machine: string;
  /** ISO 8601, the day. */
  readonly date: string;
  readonly figures: readonly Figure[];
}

const DOCS = join(INSTALL_DIR, "docs");
const RUN_FILE = join(DOCS, "performance/figures.json");
const START = "<!-- figures:start -->";
const END = "<!-- figures:end -->";

/** One SVG file a figure. */
export function writeCharts(dir: string, figures: readonly Figure[]): void {
  mkdirSync(dir, { recursive: true });
  for (const figure of figures) writeFileSync(join(dir, `${figure.key}.svg`), renderChart(figure));
}

/** Makes a run the one that the documentation shows. */
export function publish(run: Run): void {
  const dir = join(DOCS, "performance");
  rmSync(dir, { recursive: true, force: true });
  writeCharts(dir, run.figures);
  writeFileSync(RUN_FILE, `${JSON.stringify(run, null, 2)}\n`);
  replaceBetweenMarkers(join(DOCS, "performance.md"), renderSections(run));
  replaceBetweenMarkers(join(INSTALL_DIR, "README.md"), renderTable(run));
}

/** The run that was published last, to publish it in another form. */
export const publishedRun = (): Run => JSON.parse(readFileSync(RUN_FILE, "utf8")) as Run;

function replaceBetweenMarkers(file: string, content: string): void {
  const text = readFileSync(file, "utf8");
  const [start, end] = [text.indexOf(START), text.indexOf(END)];
  if (start === -1 || end < start) throw new Error(`Cannot write figures to ${file}: it has no ${START} and ${END}`);
  writeFileSync(file, `${text.slice(0, start)}${START}\n\n<!-- oxfmt-ignore -->\n${content}\n\n${text.slice(end)}`);
}

function renderTable({ machine, date, figures }: Run): string {
  const rows = figures.map(({ title, text, beside = "" }) => `| ${title} | ${text} | ${beside} |`);
  return [`| ${date}, ${machine} | measured | beside it |`, "| --- | --- | --- |", ...rows].join("\n");
}

function renderSections({ machine, date, figures }: Run): string {
  return [`Measured on ${date}: ${machine}.`, ...figures.map(renderSection)].join("\n\n");
}

function renderSection({ key, title, text, beside, targets = [] }: Figure): string {
  const lines = [text, ...(beside === undefined ? [] : [`beside it: ${beside}`])];
  const reached = targets.map((target) => `${target.isReached ? "✔" : "✘"} ${target.text}`).join(", ");
  return [
    `### ${title}`,
    `![${title}](performance/${key}.svg)`,
    `\`${key}\`: ${lines.join("; ")}.${reached === "" ? "" : ` Targets: ${reached}.`}`,
    `Bounded by: ${BOUNDS[key] ?? "not looked into."}`,
  ].join("\n\n");
}
