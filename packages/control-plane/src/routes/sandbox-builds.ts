import { randomId } from "@dormouse/kernel";
import { SandboxBuildRequest, SandboxName, SandboxUpdateRequest } from "@dormouse/schema";
import type { SandboxRecord } from "@dormouse/store";
import { markAsMade } from "../audit/audited.ts";
import {
  afterBuild,
  beginRebuild,
  beginSandbox,
  isOfRegistry,
  registryImageOf,
  type SandboxBuild,
  type WantedSandboxBuild,
} from "../builds/build-sandbox.ts";
import { followBuild } from "../builds/follow-build.ts";
import { beginFetch } from "../builds/receive-context.ts";
import type { ApiContext } from "../http/caller.ts";
import { observe, type Operation } from "../http/observe.ts";
import { readBody } from "../http/parse.ts";
import type { SandboxContext } from "../sandboxes/context.ts";
import { isOver } from "../sandboxes/create-sandbox.ts";
import { renderSandbox } from "../sandboxes/render-sandbox.ts";
import { offerUpload } from "./uploads.ts";

/** True for a sandbox whose image is uploaded for it, or has to be fetched from a registry. */
export async function asksForBuild(c: ApiContext): Promise<boolean> {
  if (isUpload(c)) return true;
  const body: unknown = await c.req.json().catch(() => undefined);
  const parsed = SandboxBuildRequest.safeParse(body);
  return parsed.success && isOfRegistry(parsed.data.spec.runtime.image);
}

const isUpload = (c: ApiContext): boolean => c.req.query("upload") === "true";

/** `POST /sandboxes` of such a one. */
export async function postSandboxBuild(context: SandboxContext, c: ApiContext): Promise<Response> {
  const request = await readBody(c, SandboxBuildRequest);
  const name = request.metadata.name ?? SandboxName.parse(`sandbox-${randomId(8)}`);
  markAsMade(c, name);
  const caller = c.get("caller");
  const existing = await context.store.sandboxes.find(caller.workspace, name);
  const isReused = c.req.query("createIfNotExist") === "true" && !isUpload(c) && existing !== undefined;
  if (isReused && !isOver(existing)) return c.json(renderSandbox(context, existing, caller));
  return answer(context, c, { name, request }, (wanted, status) => beginSandbox(context, wanted, status));
}

/** `PUT /sandboxes/{name}` of such a one. */
export async function putSandboxBuild(
  context: SandboxContext,
  c: ApiContext,
  sandbox: SandboxRecord,
): Promise<Response> {
  const request = await readBody(c, SandboxBuildRequest);
  const update = await readBody(c, WithoutImage);
  return answer(context, c, { name: sandbox.name, request }, (wanted, status) =>
    beginRebuild(context, { ...wanted, sandbox, update }, status),
  );
}

/** The image may be one that only the registry knows. */
const WithoutImage = {
  safeParse(input: unknown) {
    const body = structuredClone(input) as { spec?: { runtime?: { image?: unknown } } } | null;
    if (body?.spec?.runtime !== undefined) delete body.spec.runtime.image;
    return SandboxUpdateRequest.safeParse(body);
  },
};

async function answer(
  context: SandboxContext,
  c: ApiContext,
  { name, request }: Pick<WantedSandboxBuild, "name" | "request">,
  begin: (wanted: WantedSandboxBuild, status: "UPLOADING" | "BUILDING") => Promise<SandboxBuild>,
): Promise<Response> {
  const caller = c.get("caller");
  const { image, dockerConfig } = request.spec.runtime;
  const wanted = { workspace: caller.workspace, name, request, actor: caller.principal.name };
  if (isUpload(c)) {
    const operation: Operation = { event: "sandbox.upload", sandbox: name };
    const { sandbox, uploadSecret } = await observe(context, caller, operation, () => begin(wanted, "UPLOADING"));
    offerUpload(c, uploadSecret);
    return c.json(renderSandbox(context, sandbox, caller));
  }
  const source = registryImageOf(image ?? "", dockerConfig);
  const sandbox = await observe(context, caller, { event: "sandbox.fetch", sandbox: name }, async () => {
    const { build } = await begin(wanted, "BUILDING");
    await beginFetch(context, build, source);
    await followBuild(context, build);
    return afterBuild(context, build);
  });
  return c.json(renderSandbox(context, sandbox, caller));
}
