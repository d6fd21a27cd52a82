import { AppError } from "@dormouse/kernel";
import type { Io } from "../io.ts";

const CI_VARIABLES = ["CI", "GITHUB_ACTIONS", "GITLAB_CI", "BUILDKITE", "CIRCLECI", "TRAVIS"] as const;
const CI_ADDRESSES = ["JENKINS_URL", "TEAMCITY_VERSION"] as const;

/** True when somebody sits there who can be asked and shown what changes. */
export const isInteractive = ({ env, isTty }: Io): boolean => isTty.stdin && isTty.stdout && !isCi(env);

const isCi = (env: Io["env"]): boolean =>
  CI_VARIABLES.some((name) => env[name] === "true" || (name === "CI" && env[name] === "1")) ||
  CI_ADDRESSES.some((name) => (env[name] ?? "") !== "");

export interface Choice {
  readonly value: string;
  readonly hint: string;
}

/** One of several, or `undefined` when the question is cancelled. */
export async function choose(message: string, choices: readonly Choice[]): Promise<string | undefined> {
  const { isCancel, select } = await import("@clack/prompts");
  const options = choices.map(({ value, hint }) => ({ value, label: value, hint }));
  const answer = await select({ message, options });
  return isCancel(answer) ? undefined : answer;
}

/** A text, `initial` when nothing is typed, or `undefined` when the question is cancelled. */
export async function ask(message: string, initial: string): Promise<string | undefined> {
  const { isCancel, text } = await import("@clack/prompts");
  const answer = await text({ message, placeholder: initial, defaultValue: initial });
  return isCancel(answer) ? undefined : answer;
}

/** @throws {AppError} INVALID_ARGUMENT where nobody can be asked, or nobody answers */
export async function askSecret(io: Io, name: string): Promise<string> {
  if (isInteractive(io)) {
    const { isCancel, password } = await import("@clack/prompts");
    const answer = await password({ message: `Value of the secret ${name}:` });
    if (!isCancel(answer)) return answer;
  }
  throw new AppError("INVALID_ARGUMENT", `Cannot fill in $secrets.${name}: it is not set`, {
    hint: `Give it with -s ${name}=value, in an environment variable or in .env`,
  });
}
