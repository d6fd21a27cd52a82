import { streamResponse } from "../stream-response.ts";
import { orTimeout } from "../timers.ts";
import { followLog } from "./follow-log.ts";
import { LinePrefixer } from "./line-prefixer.ts";
import type { ManagedProcess } from "./managed-process.ts";

const KEEPALIVE_INTERVAL_MS = 30_000;
/** After that long without its end, a begun line is shown as it is: it may be a prompt. */
const HOLD_LINE_MS = 100;
const GAP_MARKER = "[... truncated ...]\n";

/** `GET /process/{id}/logs/stream`: all output from the start in arrival order, then what arrives until the process ends. */
export function streamLog(followed: ManagedProcess): Response {
  const prefixer = new LinePrefixer();
  const options = {
    contentType: "text/plain; charset=utf-8",
    keepalive: () => Buffer.concat([prefixer.closeLine(), Buffer.from("[keepalive]\n")]),
    keepaliveIntervalMs: KEEPALIVE_INTERVAL_MS,
  };
  return streamResponse(options, (signal) => prefixedLines(followed, prefixer, signal));
}

async function* prefixedLines(
  followed: ManagedProcess,
  prefixer: LinePrefixer,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  using notices = followed.watchNotices();
  const unprefixed = (text: string) => Buffer.concat([prefixer.flush(), prefixer.closeLine(), Buffer.from(text)]);
  const chunks = followLog(followed.log, signal);
  let pending = chunks.next();
  for (;;) {
    const result = await orTimeout(pending, prefixer.isHolding ? HOLD_LINE_MS : null);
    if (result === "timeout") {
      yield prefixer.flush();
      continue;
    }
    const notice = notices.take();
    if (notice !== "") yield unprefixed(notice);
    if (result.done === true) break;
    const { stream, bytes, isAfterGap } = result.value;
    if (isAfterGap) yield unprefixed(GAP_MARKER);
    yield prefixer.push(stream, bytes);
    pending = chunks.next();
  }
  yield unprefixed("");
}
