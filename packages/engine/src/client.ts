import { AppError, isErrorCode } from "@dormouse/kernel";
import { EngineImage, type EnginePort, EngineSandbox, type SandboxId } from "@dormouse/schema";
import { z } from "zod";

const Failure = z.object({
  code: z.string(),
  message: z.string(),
  hint: z.string().optional(),
  details: z.record(z.string(), z.unknown()).optional(),
});

/** The engine behind a unix socket, with its errors as they were thrown there. */
export function connectEngine(socketFile: string): EnginePort {
  const call = (method: string, path: string, body?: unknown): Promise<unknown> =>
    callEngine(socketFile, { method, path, body });
  return {
    create: async (spec) => EngineSandbox.parse(await call("POST", "/sandboxes", spec)),
    get: async (id: SandboxId) => EngineSandbox.parse(await call("GET", `/sandboxes/${id}`)),
    list: async () => z.array(EngineSandbox).parse(await call("GET", "/sandboxes")),
    sleep: async (id) => void (await call("POST", `/sandboxes/${id}/sleep`)),
    wake: async (id) => EngineSandbox.parse(await call("POST", `/sandboxes/${id}/wake`)),
    remove: async (id) => void (await call("DELETE", `/sandboxes/${id}`)),
    images: async () => z.array(EngineImage).parse(await call("GET", "/images")),
  };
}

interface EngineCall {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

async function callEngine(socketFile: string, { method, path, body }: EngineCall): Promise<unknown> {
  const response = await fetch(`http://engine${path}`, {
    unix: socketFile,
    method,
    timeout: false,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  } as RequestInit).catch((cause: unknown) => {
    throw new AppError("ENGINE_UNAVAILABLE", "Cannot reach the engine: it is not running or restarting", {
      hint: "Try again in a moment",
      cause,
    });
  });
  const answer: unknown = await response.json();
  if (response.ok) return answer;
  const { code, message, hint, details } = Failure.parse(answer);
  throw new AppError(isErrorCode(code) ? code : "INTERNAL", message, {
    ...(hint === undefined ? {} : { hint }),
    ...(details === undefined ? {} : { details }),
  });
}
