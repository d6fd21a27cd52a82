import { writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { AppError, isErrorCode } from "@dormouse/kernel";
import {
  CollectedImages,
  EngineCreation,
  EngineImage,
  EngineImageState,
  type EngineImagePort,
  type EnginePort,
  EngineSandbox,
  EngineSandboxMemory,
  EngineStats,
  SandboxId,
  UnpackedVolume,
} from "@dormouse/schema";
import { z } from "zod";
import { withHead } from "./headed-stream.ts";

const Failure = z.object({
  code: z.string(),
  message: z.string(),
  hint: z.string().optional(),
  details: z.record(z.string(), z.unknown()).optional(),
});

export interface EngineClientOptions {
  /** How long a call waits for an engine that is being started again, in milliseconds; by default not at all. */
  readonly restartTimeoutMs?: number;
}

/** The engine behind a unix socket, with its errors as they were thrown there. */
export function connectEngine(socketFile: string, { restartTimeoutMs = 0 }: EngineClientOptions = {}): EnginePort {
  const call = async (method: string, path: string, body?: unknown): Promise<unknown> =>
    readAnswer(await sendPatiently({ socketFile, method, path, body }, restartTimeoutMs));
  const freezeFiles = new Map<SandboxId, string>();
  const remember = <T extends EngineSandbox>(sandbox: T): T => {
    freezeFiles.set(sandbox.id, sandbox.freezeFile);
    return sandbox;
  };
  const callAboutOne = async (method: string, path: string): Promise<EngineSandbox> =>
    remember(EngineSandbox.parse(await call(method, path)));
  return {
    readyIds: async (image) => z.array(SandboxId).parse(await call("GET", `/ready?image=${encodeURIComponent(image)}`)),
    create: async (spec) => remember(EngineCreation.parse(await call("POST", "/sandboxes", spec))),
    assertRoom: async (id, memoryMiB) => void (await call("GET", `/sandboxes/${id}/room?memoryMiB=${memoryMiB}`)),
    get: (id) => callAboutOne("GET", `/sandboxes/${id}`),
    list: async () =>
      z
        .array(EngineSandbox)
        .parse(await call("GET", "/sandboxes"))
        .map(remember),
    memory: async (id) => EngineSandboxMemory.parse(await call("GET", `/sandboxes/${id}/memory`)),
    thaw: (id) => thaw(freezeFiles.get(id)),
    sleep: async (id) => void (await call("POST", `/sandboxes/${id}/sleep`)),
    wake: (id) => callAboutOne("POST", `/sandboxes/${id}/wake`),
    forbidRestart: async (id, reason) => void (await call("PUT", `/sandboxes/${id}/restarts`, { reason })),
    remove: async (id) => {
      await call("DELETE", `/sandboxes/${id}`);
      freezeFiles.delete(id);
    },
    createVolume: async (id, sizeMiB, source) => void (await call("POST", `/volumes/${id}`, { sizeMiB, source })),
    unpackVolume: async (id, sizeMiB, archive) => {
      const path = `/volumes/${id}/archive?sizeMiB=${sizeMiB}`;
      return UnpackedVolume.parse(await readAnswer(await sendStream(socketFile, path, archive)));
    },
    resizeVolume: async (id, sizeMiB) => void (await call("PUT", `/volumes/${id}`, { sizeMiB })),
    removeVolume: async (id) => void (await call("DELETE", `/volumes/${id}`)),
    stats: async () => EngineStats.parse(await call("GET", "/stats")),
    ...imageCalls(socketFile, call),
  };
}

type Call = (method: string, path: string, body?: unknown) => Promise<unknown>;

function imageCalls(socketFile: string, call: Call): EngineImagePort {
  return {
    images: async () => z.array(EngineImage).parse(await call("GET", "/images")),
    buildImage: async (id, request, context = new Blob([]).stream()) => {
      await readAnswer(await sendStream(socketFile, `/images/${id}`, withHead(request, context)));
    },
    image: async (id) => EngineImageState.parse(await call("GET", `/images/${id}`)),
    waitForImage: async (id) => EngineImageState.parse(await call("GET", `/images/${id}/end`)),
    imageLog: async (id, { fromByte, follow }) => {
      const path = `/images/${id}/log?fromByte=${fromByte}&follow=${follow}`;
      const response = await sendPatiently({ socketFile, method: "GET", path, body: undefined }, 0);
      if (!response.ok) await readAnswer(response);
      return response.body ?? new Blob([]).stream();
    },
    removeImage: async (id) => void (await call("DELETE", `/images/${id}`)),
    pushImage: async (id, reference, credentials) =>
      PushedImage.parse(await call("POST", `/images/${id}/push`, { reference, credentials })),
    collectImages: async () => CollectedImages.parse(await call("DELETE", "/images")),
  };
}

const PushedImage = z.object({ digest: z.string() });

/** The wake path: one write to the kernel, 20 µs, where asking the engine costs half a millisecond (decision 0005). */
function thaw(freezeFile: string | undefined): boolean {
  if (freezeFile === undefined) return false;
  try {
    writeFileSync(freezeFile, "0");
    return true;
  } catch {
    return false;
  }
}

interface EngineCall {
  readonly socketFile: string;
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

const RETRY_INTERVAL_MS = 10;
const NOT_SENT_CODES: ReadonlySet<unknown> = new Set(["ENOENT", "ECONNREFUSED"]);

/** Again while the engine is away, if that cannot do twice what was asked once. @throws {AppError} ENGINE_UNAVAILABLE */
async function sendPatiently(call: EngineCall, restartTimeoutMs: number): Promise<Response> {
  const deadlineMs = performance.now() + restartTimeoutMs;
  for (;;) {
    try {
      return await send(call);
    } catch (cause) {
      const wasNotSent = NOT_SENT_CODES.has((cause as { code?: unknown }).code);
      const isRepeatable = wasNotSent || !(call.method === "POST" && call.path === "/sandboxes");
      if (!isRepeatable || performance.now() >= deadlineMs) throw unavailable(cause);
      await delay(RETRY_INTERVAL_MS);
    }
  }
}

function send({ socketFile, method, path, body }: EngineCall): Promise<Response> {
  return fetch(`http://engine${path}`, {
    unix: socketFile,
    method,
    timeout: false,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  } as RequestInit);
}

/** Once: a stream that was begun cannot be sent again. @throws {AppError} ENGINE_UNAVAILABLE, and what the stream fails with */
async function sendStream(socketFile: string, path: string, body: ReadableStream<Uint8Array>): Promise<Response> {
  try {
    return await fetch(`http://engine${path}`, {
      unix: socketFile,
      method: "PUT",
      timeout: false,
      body,
    } as RequestInit);
  } catch (cause) {
    throw cause instanceof AppError ? cause : unavailable(cause);
  }
}

function unavailable(cause: unknown): AppError {
  return new AppError("ENGINE_UNAVAILABLE", "Cannot reach the engine: it is not running or restarting", {
    hint: "Try again in a moment",
    cause,
  });
}

async function readAnswer(response: Response): Promise<unknown> {
  const answer: unknown = await response.json();
  if (response.ok) return answer;
  const { code, message, hint, details } = Failure.parse(answer);
  throw new AppError(isErrorCode(code) ? code : "INTERNAL", message, {
    ...(hint === undefined ? {} : { hint }),
    ...(details === undefined ? {} : { details }),
  });
}
