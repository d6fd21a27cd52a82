import type { AppError, ErrorCode } from "@dormouse/kernel";

/** How clients of Blaxel know a failure of the platform; what has no word there keeps ours. */
export interface EdgeError {
  readonly code: string;
  /** What to do, and what not to, for programs that read sentences. */
  readonly action: string;
  readonly doNot: string;
}

const NO_RETRY = "Do not send the same request again.";
const NO_NEW_SANDBOX = "Do not delete the sandbox or create another.";

const UNAVAILABLE = {
  code: "WORKLOAD_UNAVAILABLE",
  action: "Send the same request again when Retry-After is over.",
  doNot: NO_NEW_SANDBOX,
};
const UNKNOWN_ROUTE = {
  code: "ROUTE_NOT_FOUND",
  action: 'Take the address from "metadata.url" of the sandbox or "spec.url" of the preview.',
  doNot: "Do not send the same request again, and do not guess addresses.",
};

const EDGE_ERRORS: Partial<Record<ErrorCode, EdgeError>> = {
  ROUTE_NOT_FOUND: UNKNOWN_ROUTE,
  PREVIEW_NOT_FOUND: UNKNOWN_ROUTE,
  SANDBOX_NOT_FOUND: {
    code: "WORKLOAD_NOT_FOUND",
    action:
      "List the sandboxes to see their names and statuses, or create this one. The logs of one that FAILED say why.",
    doNot: NO_RETRY,
  },
  WORKSPACE_NOT_FOUND: { code: "WORKSPACE_NOT_FOUND", action: "Use the name of your workspace.", doNot: NO_RETRY },
  FORBIDDEN: { code: "FORBIDDEN", action: "Use a credential that may do this.", doNot: NO_RETRY },
  INVALID_ARGUMENT: { code: "BAD_REQUEST", action: "Correct the request.", doNot: NO_RETRY },
  TOO_LARGE: { code: "REQUEST_ENTITY_TOO_LARGE", action: "Send less, or in parts.", doNot: NO_RETRY },
  SANDBOX_UNAVAILABLE: UNAVAILABLE,
  SANDBOX_WAKE_TIMEOUT: UNAVAILABLE,
  ENGINE_UNAVAILABLE: UNAVAILABLE,
  HOST_FULL: UNAVAILABLE,
};

export function edgeErrorOf(error: AppError): EdgeError {
  const { code, hint, isRetryable, details } = error;
  const known = code === "UNAUTHENTICATED" ? authenticationError(details) : EDGE_ERRORS[code];
  const fallback = isRetryable
    ? { code, action: "Send the same request again in a moment.", doNot: NO_NEW_SANDBOX }
    : { code, action: "Stop, and tell your user the message.", doNot: NO_RETRY };
  const { action, ...edge } = known ?? fallback;
  return { ...edge, action: hint ?? action };
}

function authenticationError({ wasSent }: AppError["details"]): EdgeError {
  if (wasSent !== true) return { code: "AUTHENTICATION_REQUIRED", action: "Send a credential.", doNot: NO_RETRY };
  return { code: "AUTHENTICATION_FAILED", action: "Send a credential that is valid.", doNot: NO_RETRY };
}
