import type { SandboxAnswer } from "@dormouse/schema";
import { type Answer, ApiError, path } from "@dormouse/sdk";
import { announceBuild } from "./announce-build.ts";
import type { Deployed, Deployment } from "./deployment.ts";
import { isBuild, type SandboxBody, sandboxBody } from "./sandbox-body.ts";
import { sendArchive } from "./send-archive.ts";
import { uploadUrlOf } from "./upload.ts";
import { watchSandbox } from "./watch.ts";

/** Creates or changes the sandbox, and its image first where it is built. @throws {AppError} UNPROCESSABLE when a build that is watched fails */
export async function deploySandbox(run: Deployment): Promise<Deployed> {
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
    timeoutMs: options.timeout,
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
  announceBuild(context, project);
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
