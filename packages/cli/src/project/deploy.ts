import { existsSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "@dormouse/kernel";
import type { SandboxAnswer } from "@dormouse/schema";
import { type Answer, ApiError, path } from "@dormouse/sdk";
import type { Context } from "../context.ts";
import type { Io } from "../io.ts";
import { isInteractive } from "../prompts.ts";
import { applyFiles, printOutcome } from "./apply.ts";
import { checkDockerfile } from "./dockerfile-check.ts";
import { DeploymentView } from "./deployment-view.ts";
import { printDryRun } from "./dry-run.ts";
import { parseGoDuration } from "./go-duration.ts";
import { untilInterrupted } from "./interrupt.ts";
import { LiveLine } from "./live-line.ts";
import { loadProject, type Project, type ProjectOptions } from "./load-project.ts";
import { isData } from "./print-log.ts";
import { isBuild, type SandboxBody, sandboxBody } from "./sandbox-body.ts";
import { sendArchive } from "./send-archive.ts";
import { uploadUrlOf } from "./upload.ts";
import { templateBody, saveTemplate } from "./volume-template.ts";
import { watchSandbox } from "./watch.ts";

export interface DeployOptions extends ProjectOptions {
  readonly yes?: boolean;
  readonly dryrun?: boolean;
  readonly skipBuild?: boolean;
  readonly wait?: boolean;
  readonly experimental?: boolean;
  readonly timeout: string;
}

/** What one deployment needs all the way. */
interface Deployment {
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

interface Deployed {
  readonly kind: string;
  readonly name: string;
  readonly status: string;
  readonly url?: string;
}

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

async function deploySandbox(run: Deployment): Promise<Deployed> {
  const { context, project, options, view, signal, startedAtMs } = run;
  const { client } = context;
  const body = await sandboxBody(client, project, options);
  const isBuilding = isBuild(project, options);
  const saved = isBuilding ? await sendSource(run, body) : (await saveSandbox(run, body, false)).data;
  if (!run.isWatched) return deployedOf(saved);
  view.startWatching();
  const { name } = project;
  const sandbox = await watchSandbox(client, {
    name,
    isBuilding,
    firstStatus: saved.status,
    startedAtMs,
    timeoutMs: parseGoDuration(options.timeout),
    signal,
    onStatus: (status) => view.onStatus(status),
    onLine: (line) => view.onLine(line),
  });
  return deployedOf(sandbox);
}

/** Uploads the project; each address comes from the request that creates or changes the sandbox. */
async function sendSource(run: Deployment, body: SandboxBody): Promise<SandboxAnswer> {
  const { context, project, live, signal } = run;
  const { say } = context;
  const finding = checkDockerfile(project.directory);
  if (finding?.kind === "missing") say.warn(finding.text);
  if (finding?.kind === "no-sandbox-api") say.info(finding.text);
  const buildArgs = Object.keys(project.buildArgs).length;
  if (buildArgs > 0) say.info(`Build args: ${buildArgs} variable(s) detected`);
  const said = { Compressing: "Packaging sandbox code...", Requesting: "", Uploading: "Uploading sandbox code..." };
  const saved: SandboxAnswer[] = [];
  const requestUrl = async (): Promise<string> => {
    const { data, headers } = await saveSandbox(run, body, true);
    saved.push(data);
    return uploadUrlOf(headers);
  };
  const onPhase = (phase: keyof typeof said): void => void (said[phase] !== "" && say.info(said[phase]));
  await sendArchive(context, { project, live, signal, requestUrl, onPhase });
  return saved.at(-1) as SandboxAnswer;
}

async function saveSandbox(
  { context, signal }: Deployment,
  body: SandboxBody,
  upload: boolean,
): Promise<Answer<SandboxAnswer>> {
  const { client } = context;
  const options = { body, signal, query: { upload: upload ? true : undefined } };
  try {
    return await client.exchange("POST", "/sandboxes", options);
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 409) throw error;
    return await client.exchange("PUT", path`/sandboxes/${body.metadata.name}`, options);
  }
}

const deployedOf = ({ metadata, status }: SandboxAnswer): Deployed => ({
  kind: "Sandbox",
  name: metadata.name,
  status,
  ...(metadata.url !== "" && { url: metadata.url }),
});

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
  const secret = credentialSource.endsWith("BL_API_KEY") ? "$BL_API_KEY" : `$(${io.program} token)`;
  const headers = `-H "X-Blaxel-Workspace: ${workspace}" -H "X-Blaxel-Authorization: Bearer ${secret}"`;
  io.stdout.write(`\n  curl ${headers} ${url}/process\n`);
}
