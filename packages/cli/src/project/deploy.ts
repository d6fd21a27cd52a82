import { existsSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "@dormouse/kernel";
import type { Context } from "../context.ts";
import type { Io } from "../io.ts";
import { isInteractive } from "../prompts.ts";
import { applyFiles, printOutcome } from "./apply.ts";
import { deploySandbox } from "./deploy-sandbox.ts";
import { DeploymentView } from "./deployment-view.ts";
import type { Deployed, DeployOptions, Deployment } from "./deployment.ts";
import { printDryRun } from "./dry-run.ts";
import { untilInterrupted } from "./interrupt.ts";
import { LiveLine } from "./live-line.ts";
import { loadProject, type Project } from "./load-project.ts";
import { isData } from "./print-log.ts";
import { isBuild, sandboxBody } from "./sandbox-body.ts";
import { sendArchive } from "./send-archive.ts";
import { templateBody, saveTemplate } from "./volume-template.ts";

/** YAML beside a project that is applied with it. */
const EXTRA_RESOURCES = ".blaxel";

export async function deploy(context: Context, options: DeployOptions): Promise<number> {
  const project = loadProject(context, options);
  if (options.dryrun === true) {
    await printDryRun(context, project, await bodyOf(context, project, options), isUpload(project, options));
    return 0;
  }
  return await untilInterrupted(context.io, async (interrupted) => {
    const isLive = options.yes !== true && isInteractive(context.io) && !isData(context);
    using live = new LiveLine(context.io);
    using view = new DeploymentView(context, { name: project.name, live, isInteractive: isLive });
    const signal = AbortSignal.any([interrupted, view.left, view.cancelled]);
    const isWatched = isLive || options.wait === true;
    const run: Deployment = { context, project, options, live, view, isWatched, signal, startedAtMs: Date.now() };
    try {
      const deployed = project.type === "sandbox" ? await deploySandbox(run) : await deployTemplate(run);
      view[Symbol.dispose]();
      return await finish(run, deployed);
    } catch (error) {
      if (!signal.aborted) throw error;
      return endEarly(run);
    }
  });
}

/** Leaving is no failure, Ctrl-C is one. */
function endEarly({ context: { say, io }, project, view }: Deployment): number {
  view[Symbol.dispose]();
  const hint = `A build that has begun goes on: ${statusCommand(io, project)}`;
  if (!view.left.aborted) throw new AppError("UNPROCESSABLE", "Deployment cancelled", { hint });
  say.info(hint);
  return 0;
}

const isUpload = (project: Project, options: DeployOptions): boolean =>
  project.type === "volume-template" || isBuild(project, options);

const bodyOf = ({ client }: Context, project: Project, options: DeployOptions): Promise<unknown> =>
  project.type === "sandbox" ? sandboxBody(client, project, options) : Promise.resolve(templateBody(project));

const statusCommand = ({ program }: Io, { type, name }: Project): string =>
  `${program} get ${type === "sandbox" ? `sandbox ${name} --watch` : `volumetemplate ${name}`}`;

async function deployTemplate({ context, project, live, signal }: Deployment): Promise<Deployed> {
  const { client, say } = context;
  const said = {
    Compressing: "Packaging volume template...",
    Requesting: "",
    Uploading: "Uploading volume template...",
  };
  await sendArchive(context, {
    project,
    live,
    signal,
    requestUrl: () => saveTemplate(client, project, signal),
    onPhase: (phase) => void (said[phase] !== "" && say.info(said[phase])),
  });
  return { kind: "VolumeTemplate", name: project.name, status: "DEPLOYED" };
}

async function finish(run: Deployment, deployed: Deployed): Promise<number> {
  const { context, project, startedAtMs } = run;
  const extras = existsSync(join(project.root, EXTRA_RESOURCES))
    ? await applyFiles(context, { filename: EXTRA_RESOURCES, recursive: true })
    : { applied: [], failed: [] };
  const success = extras.failed.length === 0;
  const resources = [
    deployed,
    ...extras.applied.map(({ kind, name, action }) => ({ kind, name, status: action })),
    ...extras.failed.map(({ kind, name, error }) => ({ kind, name, status: "failed", error })),
  ];
  if (success) context.say.success("Deployment applied successfully");
  if (!isData(context)) sayNext(run, deployed);
  const totalDuration = `${((Date.now() - startedAtMs) / 1000).toFixed(1)}s`;
  await printOutcome(context, { resources, success, totalDuration });
  return success ? 0 : 1;
}

function sayNext({ context, project }: Deployment, { url }: Deployed): void {
  const { say, io, workspace, credentialSource } = context;
  say.command("Status:", statusCommand(io, project));
  if (project.type !== "sandbox") return;
  const { name } = project;
  say.command("Logs:", `${io.program} logs sandbox ${name}`);
  say.command("Call it:", `${io.program} run sandbox ${name} --method GET --path /filesystem//tmp`);
  if (url === undefined) return;
  const secret = credentialSource.endsWith("environment variable BL_API_KEY")
    ? "$BL_API_KEY"
    : `$(${io.program} token)`;
  const headers = `-H "X-Blaxel-Workspace: ${workspace}" -H "X-Blaxel-Authorization: Bearer ${secret}"`;
  io.stdout.write(`\n  curl ${headers} ${url}/process\n`);
}
