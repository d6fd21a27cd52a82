import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { type Requirement, SECTIONS } from "../tests/requirements.ts";

/* Writes the feature table of the README from what the tests prove; `--check` fails where the two differ. */
const README = resolve(import.meta.dir, "../README.md");
const START = "<!-- features:start -->";
const END = "<!-- features:end -->";
const MARKS = { proven: "✔", pending: "·", declined: "✘" } as const;

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

function renderTable(): string {
  const all = SECTIONS.flatMap((section) => section.requirements);
  const count = (status: Requirement["status"]): number => all.filter((each) => each.status === status).length;
  const legend = `${MARKS.proven} shown by a test (${count("proven")}) ${MARKS.pending} to come (${count("pending")}) ${MARKS.declined} not done, on purpose (${count("declined")})`;
  const rows = SECTIONS.flatMap(({ title, requirements }) => [`| **${title}** | |`, ...requirements.map(renderRow)]);
  return `\n${legend}\n\n| Feature | |\n|---|---|\n${rows.join("\n")}\n\n`;
}

function renderRow({ title, status, reason }: Requirement): string {
  const why = reason === undefined ? "" : ` <sub>${status === "pending" ? "still to come: " : ""}${reason}</sub>`;
  return `| ${title}${why} | ${MARKS[status]} |`;
}
