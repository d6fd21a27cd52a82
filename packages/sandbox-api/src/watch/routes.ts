import { AppError } from "@dormouse/kernel";
import type { SandboxApiConfig } from "../config.ts";
import { requestedPath } from "../files/paths.ts";
import { hasErrorCode, orUnprocessable } from "../http.ts";
import type { RequestContext, Route } from "../router.ts";
import { streamResponse } from "../stream-response.ts";
import { orTimeout } from "../timers.ts";
import { Inotify } from "./inotify.ts";
import type { WatchSpec } from "./tree-paths.ts";
import { TreeWatcher } from "./tree-watcher.ts";

const RECURSIVE_SUFFIX = "/**";
const KEEPALIVE_LINE = "[keepalive]\n";
const STREAM_OPTIONS = {
  contentType: "text/plain; charset=utf-8",
  keepalive: () => KEEPALIVE_LINE,
  keepaliveIntervalMs: 30_000,
};
/** Most trees are watched whole by then, so that whoever has the headers is told of everything as it happens. */
const HEADERS_WITHIN_MS = 200;

/** `GET /watch/filesystem/{path}`: a line for each change in a directory, with `/**` at the end in all of its tree. */
export function watchRoutes(config: SandboxApiConfig): Route[] {
  const inotify = new Inotify();
  return [
    {
      method: "GET",
      pattern: "/watch/filesystem/*",
      handle: (context) => watch(inotify, readSpec(context, config), context.request.signal),
    },
  ];
}

function readSpec(context: RequestContext, config: SandboxApiConfig): WatchSpec {
  const isRecursive = context.wildcard.endsWith(RECURSIVE_SUFFIX);
  const wildcard = isRecursive ? context.wildcard.slice(0, -RECURSIVE_SUFFIX.length) : context.wildcard;
  const { absolute } = requestedPath({ ...context, wildcard }, config);
  const ignored = (context.query.get("ignore") ?? "").split(",").filter((part) => part !== "");
  return { path: absolute, isRecursive, ignored };
}

/** @throws {AppError} INVALID_ARGUMENT when there is no directory, UNPROCESSABLE when it cannot be watched. */
async function watch(inotify: Inotify, spec: WatchSpec, left: AbortSignal): Promise<Response> {
  const watcher = await orUnprocessable(`cannot watch '${spec.path}'`, () => startWatcher(inotify, spec));
  const close = () => watcher.close();
  left.addEventListener("abort", close, { once: true });
  if (left.aborted) close();
  await orTimeout(watcher.whenComplete(), HEADERS_WITHIN_MS);
  if (watcher.failure !== null) throw watcher.failure;
  watcher.markAnswered();
  return streamResponse(STREAM_OPTIONS, (signal) => streamLines(watcher, signal));
}

async function startWatcher(inotify: Inotify, spec: WatchSpec): Promise<TreeWatcher> {
  try {
    const watcher = new TreeWatcher(inotify, spec);
    await watcher.start();
    return watcher;
  } catch (cause) {
    const isNoDirectory = hasErrorCode(cause, "ENOENT") || hasErrorCode(cause, "ENOTDIR");
    if (isNoDirectory) throw new AppError("INVALID_ARGUMENT", "path is not a directory", { cause });
    throw cause;
  }
}

async function* streamLines(watcher: TreeWatcher, signal: AbortSignal): AsyncGenerator<string, void, undefined> {
  signal.addEventListener("abort", () => watcher.close(), { once: true });
  try {
    // The headers leave with the first bytes.
    yield KEEPALIVE_LINE;
    yield* watcher.lines.take();
  } finally {
    watcher.close();
  }
}
