import type { Io } from "../io.ts";

const CODES = {
  bold: [1, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  blue: [34, 39],
  dim: [2, 22],
} as const;

export type Style = keyof typeof CODES;
export type Paint = (style: Style, text: string) => string;

/** Colours for one of the outputs: none when it is piped or NO_COLOR is set, always with FORCE_COLOR. */
export function paintFor(io: Pick<Io, "env" | "isTty">, stream: "stdout" | "stderr"): Paint {
  if (!hasColours(io, stream)) return (_, text) => text;
  return (style, text) => `\u001b[${CODES[style][0]}m${text}\u001b[${CODES[style][1]}m`;
}

function hasColours({ env, isTty }: Pick<Io, "env" | "isTty">, stream: "stdout" | "stderr"): boolean {
  if ((env["NO_COLOR"] ?? "") !== "" || env["TERM"] === "dumb") return false;
  return isTty[stream] || !["", "0"].includes(env["FORCE_COLOR"] ?? "");
}
