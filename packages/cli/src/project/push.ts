import { AppError, randomId } from "@dormouse/kernel";
import { getImage, type Image } from "@dormouse/sdk";
import type { Context } from "../context.ts";
import { announceBuild } from "./announce-build.ts";
import { untilInterrupted } from "./interrupt.ts";
import { LiveLine } from "./live-line.ts";
import { isFromRegistry, loadProject, type Project, type ProjectOptions } from "./load-project.ts";
import { printLog } from "./print-log.ts";
import { sendArchive } from "./send-archive.ts";
import { uploadUrlOf } from "./upload.ts";
import { newestTagOf, watchImage } from "./watch.ts";

export interface PushOptions extends ProjectOptions {
  readonly skipBuild?: boolean;
  /** Milliseconds. */
  readonly timeout: number;
}

/** Answer of `POST /images` for an image that lies in a registry. */
interface RegistryAnswer {
  readonly message?: string;
  readonly build?: boolean;
}

/** What `-o json` and `-o yaml` print. */
export interface PushedImage {
  /** `sandbox/NAME:TAG`: the image ID. */
  readonly image: string;
  readonly name: string;
  readonly tag: string;
}

/** What one push needs all the way. */
interface Push {
  readonly context: Context;
  readonly project: Project;
  readonly options: PushOptions;
  readonly live: LiveLine;
  readonly signal: AbortSignal;
  readonly startedAtMs: number;
}

export async function push(context: Context, options: PushOptions): Promise<void> {
  const project = loadProject(context, options);
  if (project.type !== "sandbox") {
    throw new AppError("INVALID_ARGUMENT", `Cannot push "${project.name}": only sandboxes have images`, {
      hint: `Upload a volume template with '${context.io.program} deploy'`,
    });
  }
  if (options.skipBuild === true && !isFromRegistry(project)) {
    throw new AppError(
      "INVALID_ARGUMENT",
      `Cannot push "${project.name}" without a build: it names no image of a registry`,
      {
        hint: 'Name one as "image" in blaxel.toml',
      },
    );
  }
  await untilInterrupted(context.io, async (signal) => {
    using live = new LiveLine(context.io);
    const run: Push = { context, project, options, live, signal, startedAtMs: Date.now() };
    try {
      const image = isFromRegistry(project) ? await pushFromRegistry(run) : await pushSource(run);
      report(context, project, image);
    } catch (error) {
      if (!signal.aborted) throw error;
      throw new AppError("UNPROCESSABLE", "Build monitoring cancelled", {
        hint: `A build that has begun goes on: ${context.io.program} get image sandbox/${project.name}`,
      });
    }
  });
}

async function pushSource(run: Push): Promise<Image> {
  const { context, project, live, signal } = run;
  const { client, say } = context;
  announceBuild(context, project);
  const body = { name: project.name, resourceType: "sandbox", ...generationOf(project) };
  const requestUrl = async (): Promise<string> =>
    uploadUrlOf((await client.exchange("POST", "/images", { query: { upload: true }, body, signal })).headers);
  const said = {
    Compressing: `Packaging source code for sandbox/${project.name}...`,
    Requesting: "Requesting image build...",
    Uploading: "Uploading source code...",
  } as const;
  await sendArchive(context, { project, live, signal, requestUrl, onPhase: (phase) => say.info(said[phase]) });
  return await watch(run);
}

async function pushFromRegistry(run: Push): Promise<Image> {
  const { context, project, options, signal } = run;
  const { client, say } = context;
  say.info(`Pushing image ${project.file.image} for sandbox/${project.name}...`);
  const body = {
    name: project.name,
    resourceType: "sandbox",
    ...generationOf(project),
    image: project.file.image,
    ...(project.dockerConfig !== undefined && { dockerConfig: project.dockerConfig }),
  };
  const query = { "skip-build": options.skipBuild === true ? true : undefined };
  const answer = await client.request<RegistryAnswer>("POST", "/images", { query, body, signal });
  if (answer.message !== undefined) say.info(answer.message);
  if (answer.build === true) return await watch(run);
  return await getImage(client, { type: "sandbox", name: project.name });
}

async function watch({ context, project, options, live, signal, startedAtMs }: Push): Promise<Image> {
  context.say.info("Monitoring build logs...");
  live.show("Building", true);
  return await watchImage(context.client, {
    name: project.name,
    startedAtMs,
    timeoutMs: options.timeout,
    signal,
    onLine: (line) => printLog(context, live, line),
  });
}

const generationOf = ({ file }: Project): { generation?: string } =>
  file.runtime.generation === undefined ? {} : { generation: file.runtime.generation };

function report({ io, say, options: { output } }: Context, { name }: Project, image: Image): void {
  const tag = newestTagOf(image)?.name ?? "latest";
  const pushed: PushedImage = { image: `sandbox/${name}:${tag}`, name, tag };
  say.success(`Image sandbox/${name} built and pushed successfully!`);
  if (output === "json") return void io.stdout.write(`${JSON.stringify(pushed, undefined, 2)}\n`);
  if (output === "yaml") return void io.stdout.write(`image: ${pushed.image}\nname: ${name}\ntag: ${tag}\n`);
  say.command("List images:", `${io.program} get images`);
  say.command("Image details:", `${io.program} get image sandbox/${name}`);
  say.command("Try it:", `${io.program} run-local`);
  io.stdout.write(`\n${usageOf(name)}\n\n${pushed.image}\n`);
}

const usageOf = (name: string): string => `import { SandboxInstance } from "@blaxel/core";

const sandbox = await SandboxInstance.create({
  name: "${name}-${randomId(5)}",
  image: "sandbox/${name}:latest",
  memory: 4096,
});`;
