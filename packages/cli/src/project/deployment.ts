import type { Context } from "../context.ts";
import type { DeploymentView } from "./deployment-view.ts";
import type { LiveLine } from "./live-line.ts";
import type { Project, ProjectOptions } from "./load-project.ts";

export interface DeployOptions extends ProjectOptions {
  readonly yes?: boolean;
  readonly dryrun?: boolean;
  readonly skipBuild?: boolean;
  readonly wait?: boolean;
  readonly experimental?: boolean;
  /** Milliseconds. */
  readonly timeout: number;
}

/** What one deployment needs all the way. */
export interface Deployment {
  readonly context: Context;
  readonly project: Project;
  readonly options: DeployOptions;
  readonly live: LiveLine;
  readonly view: DeploymentView;
  /** Waits for the build instead of leaving it to the server. */
  readonly isWatched: boolean;
  readonly signal: AbortSignal;
  readonly startedAtMs: number;
}

/** What has been deployed, as it is reported. */
export interface Deployed {
  readonly kind: string;
  readonly name: string;
  readonly status: string;
  readonly url?: string;
}
