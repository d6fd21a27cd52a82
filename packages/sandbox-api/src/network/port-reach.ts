import { createConnection, type Socket } from "node:net";

/** Nobody listens on this very address: it answers for those who listen on all. */
const ANY_ADDRESS = "127.254.254.254";
const LOOPBACK_ADDRESSES = ["127.0.0.1", "::1"];

/** The loopback address at which a listener is reached from inside, and whether others reach it without help. */
export interface PortReach {
  readonly host: string;
  readonly isLoopbackOnly: boolean;
}

/**
 * Undefined when nobody listens. Found out by connecting: the kernel's tables take it 9 ms each to list, of IPv4 and of IPv6,
 * and do not tell who on all of IPv6 takes IPv4 too.
 */
export async function findReach(port: number): Promise<PortReach | undefined> {
  if (await accepts(ANY_ADDRESS, port)) return { host: "127.0.0.1", isLoopbackOnly: false };
  for (const host of LOOPBACK_ADDRESSES) if (await accepts(host, port)) return { host, isLoopbackOnly: true };
  return undefined;
}

/** Undefined when the connection fails. What arrives is not read until somebody does. */
export function tryConnect(host: string, port: number): Promise<Socket | undefined> {
  const { promise, resolve } = Promise.withResolvers<Socket | undefined>();
  const socket = createConnection({ host, port, allowHalfOpen: true, noDelay: true });
  const fail = (): void => resolve(undefined);
  socket.once("error", fail).once("connect", () => resolve(socket.off("error", fail)));
  return promise;
}

async function accepts(host: string, port: number): Promise<boolean> {
  const socket = await tryConnect(host, port);
  socket?.on("error", () => undefined).destroy();
  return socket !== undefined;
}
