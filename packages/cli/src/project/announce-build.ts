import type { Context } from "../context.ts";
import { checkDockerfile } from "./dockerfile-check.ts";
import type { Project } from "./load-project.ts";

/** What is worth knowing before source goes to a build. */
export function announceBuild({ say }: Context, { directory, buildArgs }: Project): void {
  const finding = checkDockerfile(directory);
  if (finding?.kind === "missing") say.warn(finding.text);
  if (finding?.kind === "no-sandbox-api") say.info(finding.text);
  const count = Object.keys(buildArgs).length;
  if (count > 0) say.info(`Build args: ${count} variable(s) detected`);
}
