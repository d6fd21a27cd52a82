import { existsSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "@dormouse/kernel";
import type { Context } from "../context.ts";
import { checkDockerfile } from "./dockerfile-check.ts";
import type { Project } from "./load-project.ts";

/** What is worth knowing before source goes to a build. @throws {AppError} FILE_NOT_FOUND where nothing could be built */
export function announceBuild({ say }: Context, { root, directory, buildArgs }: Project): void {
  const finding = checkDockerfile(directory);
  if (finding?.kind === "missing") {
    /* The project's own Dockerfile then counts, as it is at the root of the archive. */
    if (!existsSync(join(root, "Dockerfile"))) throw nothingToBuild(directory, finding.text);
    say.warn(finding.text);
  }
  if (finding?.kind === "no-sandbox-api") say.info(finding.text);
  const count = Object.keys(buildArgs).length;
  if (count > 0) say.info(`Build args: ${count} variable(s) detected`);
}

const nothingToBuild = (directory: string, hint: string): AppError =>
  new AppError("FILE_NOT_FOUND", `Cannot build an image of "${directory}": it has no Dockerfile`, { hint });
