import { networkInterfaces } from "node:os";

const LOOPBACK_HOST = /^(localhost|.*\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/**
 * True for a request that a web page of somewhere else makes in a browser inside the sandbox: it comes from this machine,
 * without the gateway that authenticates, and names an `Origin` that is not this machine. The `Host` says nothing, as the gateway
 * forwards public names; what comes from outside has passed the gateway and may come from any page.
 */
export function isForeignPage(origin: string | null, peerAddress: string | null): boolean {
  if (origin === null || peerAddress === null || !isOwnAddress(peerAddress)) return false;
  return !URL.canParse(origin) || !LOOPBACK_HOST.test(new URL(origin).hostname);
}

function isOwnAddress(peerAddress: string): boolean {
  const address = peerAddress.replace(/^::ffff:/, "");
  if (address === "::1" || address.startsWith("127.")) return true;
  return Object.values(networkInterfaces()).some((entries) => entries?.some((entry) => entry.address === address));
}
