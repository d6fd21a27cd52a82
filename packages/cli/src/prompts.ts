import { AppError } from "@dormouse/kernel";
import type { Io } from "./io.ts";

/** Variables that are `true` in somebody's CI, and variables that are set there at all. */
const CI_FLAGS = ["CI", "GITHUB_ACTIONS", "GITLAB_CI", "BUILDKITE", "CIRCLECI", "TRAVIS"] as const;
const CI_ADDRESSES = ["JENKINS_URL", "TEAMCITY_VERSION"] as const;

/** True when someone sits at it: both the keyboard and the screen are a terminal, and no CI runs it. */
export const isInteractive = ({ env, isTty }: Io): boolean => isTty.stdin && isTty.stdout && !isCi(env);

const isCi = (env: Io["env"]): boolean =>
  env["CI"] === "1" ||
  CI_FLAGS.some((name) => env[name] === "true") ||
  CI_ADDRESSES.some((name) => (env[name] ?? "") !== "");

/** Thrown when the user leaves a question with Ctrl-C or Escape: no failure, the command just ends. */
export class Cancelled extends Error {}

export interface Choice {
  readonly value: string;
  readonly label: string;
}

/** @throws {AppError} INVALID_ARGUMENT where nobody can be asked, {Cancelled} */
export async function choose(io: Io, message: string, choices: readonly Choice[]): Promise<string> {
  assertInteractive(io, message);
  const { isCancel, select } = await import("@clack/prompts");
  const answer = await select({ message, options: [...choices] });
  if (isCancel(answer)) throw new Cancelled();
  return answer;
}

/** A line of text; `initial` when nothing is typed. @throws {AppError} INVALID_ARGUMENT where nobody can be asked, {Cancelled} */
export async function askText(io: Io, message: string, initial: string): Promise<string> {
  assertInteractive(io, message);
  const { isCancel, text } = await import("@clack/prompts");
  const answer = await text({ message, placeholder: initial, defaultValue: initial });
  if (isCancel(answer)) throw new Cancelled();
  return answer.trim();
}

/** A secret, shown as dots. @throws {AppError} INVALID_ARGUMENT where nobody can be asked, {Cancelled} */
export async function askSecret(io: Io, message: string): Promise<string> {
  assertInteractive(io, message);
  const { isCancel, password } = await import("@clack/prompts");
  const answer = await password({ message, validate: (text) => (text ? undefined : "It is empty") });
  if (isCancel(answer)) throw new Cancelled();
  return answer.trim();
}

function assertInteractive(io: Io, question: string): void {
  if (isInteractive(io)) return;
  throw new AppError("INVALID_ARGUMENT", `Cannot ask "${question}": this is no terminal`, {
    hint: "Give the answer as an argument or in the environment; see --help",
  });
}
