import { AppError } from "@dormouse/kernel";
import type { PortEvent } from "@dormouse/schema";

const MAX_URL_LENGTH = 2048;
const TIMEOUT_MS = 5000;
const MAX_TRIES = 3;
const PAUSE_MS = 500;

/**
 * Where machines keep credentials for whoever asks from inside: nothing the agent is told may make it ask there. Most are
 * link-local.
 */
const REFUSED = [
  /^169\.254\.\d+\.\d+$/,
  /^fe[89ab][\da-f]:/i,
  /^fd00:ec2::254$/i,
  /^100\.100\.100\.200$/,
  /^192\.0\.0\.192$/,
];

/** A URL that events may be posted to. @throws {AppError} INVALID_ARGUMENT */
export function parseCallback(written: string): URL {
  const url = written.length <= MAX_URL_LENGTH ? URL.parse(written) : null;
  if (url === null) throw refused("it is not a URL");
  if (url.protocol !== "http:" && url.protocol !== "https:") throw refused("only http and https are called");
  if (url.username !== "" || url.password !== "") throw refused("it holds credentials");
  if (isRefused(hostOf(url))) throw refused(`${hostOf(url)} is not called`);
  return url;
}

/** Posts `event`; tried a few times, never for long, and failure is nobody's concern here. */
export async function post(url: URL, event: PortEvent, signal: AbortSignal): Promise<void> {
  for (let tries = 1; !signal.aborted; tries += 1) {
    const isDone = await tryPost(url, event, signal).catch(() => false);
    if (isDone || tries === MAX_TRIES) return;
    await Bun.sleep(PAUSE_MS);
  }
}

/** True when it arrived, or may not be sent. A redirect counts as arrived and is not followed. */
async function tryPost(url: URL, event: PortEvent, signal: AbortSignal): Promise<boolean> {
  const addresses = await Bun.dns.lookup(hostOf(url));
  if (addresses.some(({ address }) => isRefused(address))) return true;
  const response = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(event),
    redirect: "manual",
    signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
  });
  await response.body?.cancel();
  return response.status < 500;
}

const hostOf = (url: URL): string => url.hostname.replace(/^\[(.*)\]$/, "$1");

function isRefused(host: string): boolean {
  const plain = withoutMapping(host);
  return REFUSED.some((pattern) => pattern.test(plain));
}

/** An IPv4 address comes in IPv6 clothes, too; URLs write it `::ffff:a9fe:a9fe`. */
function withoutMapping(address: string): string {
  const [, high, low] = /^::ffff:([\da-f]{1,4}):([\da-f]{1,4})$/i.exec(address) ?? [];
  if (high === undefined || low === undefined) return address.replace(/^::ffff:(?=\d+\.)/i, "");
  return [high, low].flatMap((word) => [Number.parseInt(word, 16) >> 8, Number.parseInt(word, 16) & 255]).join(".");
}

const refused = (reason: string): AppError => new AppError("INVALID_ARGUMENT", `invalid callback URL: ${reason}`);
