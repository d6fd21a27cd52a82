import { AppError } from "@dormouse/kernel";
import type { Lease } from "./lease.ts";
import { AGENT_PORT } from "./place.ts";

/** Nobody took the connection, so nothing was sent. */
const NO_CONNECTION_CODES: ReadonlySet<unknown> = new Set(["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "ETIMEDOUT"]);

export interface UnreachableTarget {
  readonly lease: Lease;
  readonly port: number;
  readonly sandboxName: string;
}

/** What to tell the client when the app gave no usable answer. */
export function unreachableError({ lease, port, sandboxName }: UnreachableTarget, cause: unknown): AppError {
  if (cause instanceof AppError) return cause;
  if (lease.isAborted) {
    return new AppError("SANDBOX_NOT_FOUND", `Cannot reach sandbox "${sandboxName}": it was deleted`, { cause });
  }
  if (port === AGENT_PORT && NO_CONNECTION_CODES.has(codeOf(cause))) {
    lease.reportAgentGone();
    return new AppError("SANDBOX_UNAVAILABLE", `Cannot reach sandbox "${sandboxName}": everything in it has ended`, {
      hint: "Send the request again: it starts the sandbox again, with its files",
      cause,
    });
  }
  if (codeOf(cause) === "ECONNREFUSED") return nothingListensError({ port, sandboxName }, cause);
  return new AppError(
    "UPSTREAM_UNREACHABLE",
    `Cannot read the answer of port ${port} in sandbox "${sandboxName}": the connection was closed`,
    {
      hint: "See the log of the process that serves this port.",
      cause,
    },
  );
}

export function nothingListensError(
  { port, sandboxName }: Pick<UnreachableTarget, "port" | "sandboxName">,
  cause: unknown,
): AppError {
  const state = `nothing listens on port ${port} in sandbox "${sandboxName}"`;
  return new AppError("UPSTREAM_UNREACHABLE", `Cannot reach port ${port}: ${state}`, {
    hint: `Start a server inside the sandbox that listens on port ${port}, on any address.`,
    cause,
  });
}

/** The `code` that socket errors carry. */
export function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
