import { AppError } from "@dormouse/kernel";
import type { Forwarded } from "./forwarder.ts";

/** Where the API of a sandbox listens in it. */
export const API_PORT = 8080;

export interface PortPair {
  readonly localPort: number;
  readonly port: number;
}

/** `8080` or `18080:8080`, local port first. @throws {AppError} INVALID_ARGUMENT */
export function parsePortPair(text: string): PortPair {
  const [local = "", remote = local, ...more] = text.split(":");
  const [localPort, port] = [Number(local), Number(remote)];
  const isPort = (value: number): boolean => Number.isInteger(value) && value > 0 && value <= 65_535;
  if (more.length === 0 && isPort(localPort) && isPort(port)) return { localPort, port };
  throw new AppError("INVALID_ARGUMENT", `Cannot forward "${text}": it is no port, and no LOCAL:PORT`, {
    hint: 'Write such as "3000" or "13000:3000"',
  });
}

/** What a pair means for a sandbox whose API is at `sandboxUrl`. */
export const forwardedOf = (sandboxUrl: string, { localPort, port }: PortPair): Forwarded => ({
  localPort,
  baseUrl: port === API_PORT ? sandboxUrl : `${sandboxUrl}/port/${port}`,
});
