import { round, type Summary } from "./stats.ts";

/** A number to reach, from design §6. */
export interface Target {
  readonly text: string;
  readonly isReached: boolean;
}

/** One measured thing: a line of the table and a key of the JSON. */
export interface Figure {
  readonly key: string;
  readonly value: number | Readonly<Record<string, number>>;
  readonly title: string;
  /** The value for people, with its unit. */
  readonly text: string;
  /** What the machine itself, or a peer, does in the same run. */
  readonly beside?: string;
  readonly targets?: readonly Target[];
}

export const atMost = (value: number, limit: number, text: string): Target => ({ text, isReached: value <= limit });
export const atLeast = (value: number, limit: number, text: string): Target => ({ text, isReached: value >= limit });

export const ms = (value: number): string => `${round(value)} ms`;
export const summaryText = ({ p50, p99 }: Summary): string => `p50 ${ms(p50)}, p99 ${ms(p99)}`;

/** A summary with its floor, as the JSON has it. */
export const withFloor = ({ p50, p99 }: Summary, floorP50: number) => ({
  p50: round(p50),
  p99: round(p99),
  floor_p50: round(floorP50),
});

/** The figure as lines of the table. */
export function renderFigure({ title, text, beside, targets = [] }: Figure): string {
  const lines = [`${title.padEnd(TITLE_WIDTH)}${text}`];
  if (beside !== undefined) lines.push(`${" ".repeat(TITLE_WIDTH)}${beside}`);
  if (targets.length > 0) {
    lines.push(
      " ".repeat(TITLE_WIDTH) + targets.map((target) => `${target.isReached ? "✔" : "✘"} ${target.text}`).join("   "),
    );
  }
  return lines.join("\n");
}

const TITLE_WIDTH = 34;
