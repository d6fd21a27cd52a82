import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { type Requirement, SECTIONS } from "../tests/requirements.ts";

/* Writes the feature table of the README from what the tests prove; `--check` fails where the two differ. */
const README = resolve(import.meta.dir, "../README.md");
const START = "<!-- features:start -->";
const END = "<!-- features:end -->";
const STATUSES = ["proven", "pending", "declined"] as const;
const HEADS = { proven: "✔ Shown by a test", pending: "To come", declined: "✘ Not done, on purpose" } as const;

const current = existsSync(README) ? readFileSync(README, "utf8") : "";
const wanted = withTable(current);
if (process.argv.includes("--check")) {
  if (current !== wanted) {
    process.stderr.write(
      "README.md differs from tests/requirements.ts: run node_modules/.bin/bun scripts/feature-table.ts\n",
    );
    process.exit(1);
  }
} else {
  writeFileSync(README, wanted);
}

/** Between the markers, or in a section at the end where there are none. */
function withTable(readme: string): string {
  const [start, end] = [readme.indexOf(START), readme.indexOf(END)];
  if (start === -1 || end < start) {
    const section = `## Features\n\n${START}\n${renderTable()}${END}\n`;
    return readme === "" ? section : `${readme.trimEnd()}\n\n${section}`;
  }
  return `${readme.slice(0, start)}${START}\n${renderTable()}${readme.slice(end)}`;
}

/** One row a section; what is declined says why, and what works but for something says for what. */
function renderTable(): string {
  const all = SECTIONS.flatMap((section) => section.requirements);
  const rows = SECTIONS.map(({ title, requirements }) => {
    const [works, toCome, declined] = STATUSES.map((status) => requirements.filter((each) => each.status === status));
    const notDone = declined?.map((each) => `${each.title}: ${each.reason}`);
    return `| **${title}** | ${join(works?.map(titleWithLimit))} | ${join(toCome?.map(titleOf))} | ${join(notDone)} |`;
  });
  const heads = STATUSES.map((status) => `${HEADS[status]} (${all.filter((each) => each.status === status).length})`);
  return `\n<!-- oxfmt-ignore -->\n| Area | ${heads.join(" | ")} |\n|---|---|---|---|\n${rows.join("\n")}\n\n`;
}

function titleOf({ title }: Requirement): string {
  return title;
}

function titleWithLimit({ title, reason }: Requirement): string {
  return reason === undefined ? title : `${title} (${reason})`;
}

function join(items: readonly string[] = []): string {
  return items.join("; ");
}
