import { createConnection } from "node:net";
import { readSocketTable } from "./socket-table.ts";

const EVERY_IPV6_ADDRESS = "::";

/** Who listens on a port: on an address others reach, on a loopback address only, or nobody. */
export type PortReach =
  | { readonly kind: "outside" }
  | { readonly kind: "loopback"; readonly host: string }
  | { readonly kind: "nobody" };

/** Looks without connecting wherever the kernel's tables tell, as an app may not expect a visitor that says nothing. */
export async function findReach(port: number): Promise<PortReach> {
  const hosts = (await readSocketTable())
    .filter(({ state, localPort }) => state === "LISTEN" && localPort === port)
    .map(({ localAddr }) => localAddr.replace("::ffff:", ""));
  const loopbackHost = hosts.find((host) => host.startsWith("127."));
  if (hosts.some((host) => !host.includes(":") && !host.startsWith("127."))) return { kind: "outside" };
  if (loopbackHost !== undefined) return { kind: "loopback", host: loopbackHost };
  if (!hosts.includes("::1") && !hosts.includes(EVERY_IPV6_ADDRESS)) return { kind: "nobody" };
  // A sandbox has no IPv6 beyond loopback; most who listen on all of IPv6 take IPv4 as well, which no table tells.
  if (hosts.includes(EVERY_IPV6_ADDRESS) && (await acceptsIpv4(port))) return { kind: "outside" };
  return { kind: "loopback", host: "::1" };
}

function acceptsIpv4(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = createConnection(port, "127.0.0.1");
  socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
  return promise.finally(() => socket.destroy());
}
