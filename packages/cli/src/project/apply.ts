import { ApiError, type Client, getPreview } from "@dormouse/sdk";
import type { Context } from "../context.ts";
import { parsePairs, readEnvFiles } from "./load-project.ts";
import { isData } from "./print-log.ts";
import { placeOf, type ResourcePlace } from "./resource-kinds.ts";
import { readResources, type ResourceDocument } from "./resource-files.ts";

export interface ResourceFileOptions {
  readonly filename: string;
  readonly recursive?: boolean;
  readonly envFile?: readonly string[];
  readonly secrets?: readonly string[];
}

export type ApplyAction = "created" | "configured";

interface Applied {
  readonly kind: string;
  readonly name: string;
  readonly action: ApplyAction;
  /** What is worth knowing beside, such as the address of a preview. */
  readonly note?: string;
}

interface Failed {
  readonly kind: string;
  readonly name: string;
  readonly error: string;
}

export interface ApplyOutcome {
  readonly applied: readonly Applied[];
  readonly failed: readonly Failed[];
}

export async function apply(context: Context, options: ResourceFileOptions): Promise<number> {
  const outcome = await applyFiles(context, options);
  await printOutcome(context, { ...outcome, success: outcome.failed.length === 0 });
  return outcome.failed.length === 0 ? 0 : 1;
}

/** Brings every document of the files to the server; one that fails leaves the others alone. */
export async function applyFiles(context: Context, options: ResourceFileOptions): Promise<ApplyOutcome> {
  const documents = await readDocuments(context, options);
  const applied: Applied[] = [];
  const failed: Failed[] = [];
  for (const document of documents) {
    const { kind, metadata } = document;
    const name = metadata.name ?? "";
    try {
      const done = await applyOne(context.client, document);
      applied.push({ kind, name, ...done });
      sayLine(context, `Resource ${kind}:${name} ${done.action}${done.note === undefined ? "" : ` ${done.note}`}`);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      failed.push({ kind, name, error: reason });
      context.io.stderr.write(`Resource ${kind}:${name} error: ${reason}\n`);
    }
  }
  return { applied, failed };
}

export const readDocuments = ({ io, ...context }: Context, options: ResourceFileOptions): Promise<ResourceDocument[]> =>
  readResources(
    { io, ...context },
    {
      filename: options.filename,
      isRecursive: options.recursive === true,
      variables: {
        env: io.env,
        secrets: { ...readEnvFiles(io.cwd, options.envFile), ...parsePairs(options.secrets ?? []) },
      },
    },
  );

async function applyOne(client: Client, document: ResourceDocument): Promise<Omit<Applied, "kind" | "name">> {
  const place = placeOf(document);
  if (document.kind === "PreviewToken") return await createToken(client, place, document);
  const action = place.isCreatedFirst
    ? await createOrChange(client, place, document)
    : await changeOrCreate(client, place, document);
  const note = document.kind === "Preview" ? await previewNote(client, document) : undefined;
  return { action, ...(note !== undefined && { note }) };
}

async function createOrChange(client: Client, place: ResourcePlace, body: unknown): Promise<ApplyAction> {
  try {
    await client.request("POST", place.collection, { body });
    return "created";
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 409) throw error;
    await client.request("PUT", place.item, { body }).catch((second: unknown) => {
      /* Something else stood in the way of creating it. */
      throw second instanceof ApiError && second.status === 404 ? error : second;
    });
    return "configured";
  }
}

async function changeOrCreate(client: Client, place: ResourcePlace, body: unknown): Promise<ApplyAction> {
  try {
    await client.request("PUT", place.item, { body });
    return "configured";
  } catch (error) {
    if (!(error instanceof ApiError) || (error.status !== 404 && error.status !== 405)) throw error;
    await client.request("POST", place.collection, { body });
    return "created";
  }
}

async function createToken(
  client: Client,
  place: ResourcePlace,
  document: ResourceDocument,
): Promise<Omit<Applied, "kind" | "name">> {
  const token = await client.request<{ spec?: { token?: string } }>("POST", place.collection, { body: document });
  const { resourceName: sandbox = "", previewName: preview = "" } = document.metadata;
  const { spec } = await getPreview(client, { sandbox, preview });
  return { action: "created", note: `url=${spec.url}?bl_preview_token=${token.spec?.token ?? ""}` };
}

async function previewNote(client: Client, { metadata }: ResourceDocument): Promise<string> {
  const preview = await getPreview(client, { sandbox: metadata.resourceName ?? "", preview: metadata.name ?? "" });
  return preview.spec.public ? `url=${preview.spec.url}` : "(private preview, URL available after token creation)";
}

/** A line for people: beside the data where stdout is for data. */
export const sayLine = (context: Context, line: string): unknown =>
  context.io[isData(context) ? "stderr" : "stdout"].write(`${line}\n`);

/** With `-o json` and `-o yaml`, what has happened as data. */
export async function printOutcome({ io, options: { output } }: Context, outcome: unknown): Promise<void> {
  if (output === "json") io.stdout.write(`${JSON.stringify(outcome, undefined, 2)}\n`);
  if (output === "yaml") io.stdout.write((await import("yaml")).stringify(outcome));
}
