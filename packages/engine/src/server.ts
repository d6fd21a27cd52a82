import { chmodSync, chownSync, rmSync } from "node:fs";
import { AppError, toAppError } from "@dormouse/kernel";
import {
  EngineImageId,
  EngineImageRequest,
  type EnginePort,
  EngineSandboxSpec,
  RegistryCredentials,
  SandboxId,
  VolumeId,
  VolumeSizeMiB,
} from "@dormouse/schema";
import { z } from "zod";
import { splitHead } from "./headed-stream.ts";

export interface EngineServerOptions {
  readonly socketFile: string;
  /** Group that may talk to the engine: the server's. */
  readonly groupId: number;
  readonly onError: (error: AppError) => void;
}

/** The log and the end of a build are waited for as long as it takes. Bun obeys it on unix sockets too, its types do not say so. */
const PATIENCE = { idleTimeout: 0 } as object;

/**
 * Serves an engine on a unix socket, for the one group that may use it. Bodies are JSON; failures are
 * `{ code, message, hint, details }` with the status of the code.
 */
export function serveEngine(engine: EnginePort, options: EngineServerOptions): AsyncDisposable {
  rmSync(options.socketFile, { force: true });
  const server = Bun.serve({
    unix: options.socketFile,
    /* Archives of volumes: what they are made into is the limit. */
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    ...PATIENCE,
    fetch: (request) => answer(engine, request).catch((thrown: unknown) => renderError(thrown, options)),
  });
  chownSync(options.socketFile, 0, options.groupId);
  chmodSync(options.socketFile, 0o660);
  return {
    async [Symbol.asyncDispose]() {
      await server.stop(true);
      rmSync(options.socketFile, { force: true });
    },
  };
}

const RestartRule = z.strictObject({ reason: z.string().max(1024).nullable() });
const VolumeSize = z.strictObject({ sizeMiB: VolumeSizeMiB });
const NewVolume = z.strictObject({ sizeMiB: VolumeSizeMiB, source: VolumeId.optional() });

async function answer(engine: EnginePort, request: Request): Promise<Response> {
  const { pathname, searchParams } = new URL(request.url);
  const [, resource, rawId, action] = pathname.split("/");
  const call = `${request.method} ${resource}${rawId === undefined ? "" : "/:id"}${action === undefined ? "" : `/${action}`}`;
  switch (call) {
    case "GET health":
      return Response.json({ status: "ok" });
    case "GET stats":
      return Response.json(await engine.stats());
    case "GET ready":
      return Response.json(await engine.readyIds(searchParams.get("image") ?? ""));
    case "GET sandboxes":
      return Response.json(await engine.list());
    case "POST sandboxes":
      return Response.json(await engine.create(EngineSandboxSpec.parse(await request.json())));
    case "GET sandboxes/:id":
      return Response.json(await engine.get(SandboxId.parse(rawId)));
    case "GET sandboxes/:id/room":
      await engine.assertRoom(SandboxId.parse(rawId), Number(searchParams.get("memoryMiB")));
      return Response.json({});
    case "DELETE sandboxes/:id":
      await engine.remove(SandboxId.parse(rawId));
      return Response.json({});
    case "PUT sandboxes/:id/restarts":
      await engine.forbidRestart(SandboxId.parse(rawId), RestartRule.parse(await request.json()).reason);
      return Response.json({});
    case "GET sandboxes/:id/memory":
      return Response.json(await engine.memory(SandboxId.parse(rawId)));
    case "POST sandboxes/:id/sleep":
      await engine.sleep(SandboxId.parse(rawId));
      return Response.json({});
    case "POST sandboxes/:id/wake":
      return Response.json(await engine.wake(SandboxId.parse(rawId)));
    case "POST volumes/:id": {
      const { sizeMiB, source } = NewVolume.parse(await request.json());
      await engine.createVolume(VolumeId.parse(rawId), sizeMiB, source);
      return Response.json({});
    }
    case "PUT volumes/:id/archive": {
      const sizeMiB = VolumeSizeMiB.parse(Number(searchParams.get("sizeMiB")));
      const archive = request.body ?? new Blob([]).stream();
      return Response.json(await engine.unpackVolume(VolumeId.parse(rawId), sizeMiB, archive));
    }
    case "PUT volumes/:id":
      await engine.resizeVolume(VolumeId.parse(rawId), VolumeSize.parse(await request.json()).sizeMiB);
      return Response.json({});
    case "DELETE volumes/:id":
      await engine.removeVolume(VolumeId.parse(rawId));
      return Response.json({});
    default:
      return answerAboutImages(engine, request, call);
  }
}

const ImagePush = z.strictObject({ reference: z.string().max(512), credentials: RegistryCredentials });

async function answerAboutImages(engine: EnginePort, request: Request, call: string): Promise<Response> {
  const { pathname, searchParams } = new URL(request.url);
  const id = (): EngineImageId => EngineImageId.parse(pathname.split("/")[2]);
  switch (call) {
    case "GET images":
      return Response.json(await engine.images());
    case "DELETE images":
      return Response.json(await engine.collectImages());
    case "PUT images/:id": {
      const { head, body } = await splitHead(request.body ?? new Blob([]).stream());
      await engine.buildImage(id(), EngineImageRequest.parse(head), body);
      return Response.json({});
    }
    case "GET images/:id":
      return Response.json(await engine.image(id()));
    case "GET images/:id/end":
      return Response.json(await engine.waitForImage(id()));
    case "GET images/:id/log": {
      const fromByte = Number(searchParams.get("fromByte"));
      return new Response(await engine.imageLog(id(), { fromByte, follow: searchParams.get("follow") === "true" }));
    }
    case "POST images/:id/push": {
      const { reference, credentials } = ImagePush.parse(await request.json());
      return Response.json(await engine.pushImage(id(), reference, credentials));
    }
    case "DELETE images/:id":
      await engine.removeImage(id());
      return Response.json({});
    default:
      throw new AppError("ROUTE_NOT_FOUND", `Cannot answer "${call}": the engine has no such call`);
  }
}

function renderError(thrown: unknown, options: EngineServerOptions): Response {
  const error = toAppError(thrown);
  if (error.code === "INTERNAL") options.onError(error);
  const { code, message, hint, details } = error;
  return Response.json({ code, message, hint, details }, { status: error.status });
}
