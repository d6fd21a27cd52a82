import { BlockList, isIP } from "node:net";
import type { Server } from "bun";
import type { Edge } from "./headers.ts";

/** From what a connection itself shows and its request's headers: where the request really comes from, and what for. */
export type EdgeReader = (connection: Edge, headers: Headers) => Edge;

/** What a connection itself shows. */
export function connectionOf(request: Request, server: Pick<Server<unknown>, "requestIP">): Edge {
  return {
    clientAddress: server.requestIP(request)?.address ?? "",
    protocol: request.url.startsWith("https:") ? "https" : "http",
    host: request.headers.get("host") ?? "",
  };
}

/** A host name or address with an optional port, as in a Host header. */
const HOST_PATTERN = /^(?:[\w.-]{1,253}|\[[\da-f:.]{2,45}\])(?::\d{1,5})?$/i;
const ADDRESS_WITH_PORT = /^(?:\[([\da-f:.]+)\]|([\d.]+))(?::\d{1,5})?$/i;
const MAPPED_PREFIX = "::ffff:";

/**
 * Believes `X-Forwarded-For`, `-Proto` and `-Host` from the given proxies and from nobody else. `Forwarded` is never read: a
 * proxy that writes the other three lets a client's own `Forwarded` pass.
 * @param proxies IPv4 or IPv6 addresses and CIDR ranges
 * @throws RangeError for anything else
 */
export function createEdgeReader(proxies: readonly string[]): EdgeReader {
  if (proxies.length === 0) return withPlainAddress;
  const isTrusted = createMatcher(proxies);
  return (connection, headers) => {
    const edge = withPlainAddress(connection);
    if (!isTrusted(edge.clientAddress)) return edge;
    const { address, hopCount } = findClient(edge.clientAddress, headers.get("x-forwarded-for") ?? "", isTrusted);
    return {
      clientAddress: address,
      protocol: protocolIn(hopValue(headers.get("x-forwarded-proto"), hopCount)) ?? edge.protocol,
      host: hostIn(hopValue(headers.get("x-forwarded-host"), hopCount)) ?? edge.host,
    };
  };
}

/** One list per family: `::/0` is no word about IPv4. */
function createMatcher(proxies: readonly string[]): (address: string) => boolean {
  const lists = { 4: new BlockList(), 6: new BlockList() };
  for (const proxy of proxies) {
    const [, address = "", prefix] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(proxy) ?? [];
    const version = isIP(address);
    const bitCount = version === 4 ? 32 : 128;
    const prefixLength = Number(prefix ?? bitCount);
    if (version === 0 || prefixLength > bitCount)
      throw new RangeError(`Cannot trust proxy "${proxy}": it is no address and no range such as 10.0.0.0/8`);
    if (version === 4) lists[4].addSubnet(address, prefixLength, "ipv4");
    else lists[6].addSubnet(address, prefixLength, "ipv6");
  }
  return (address) => {
    const version = isIP(address);
    if (version === 4) return lists[4].check(address, "ipv4");
    return version === 6 && lists[6].check(address, "ipv6");
  };
}

/** An IPv4 client of a socket that takes both families comes as `::ffff:192.0.2.1`. */
function plainAddress(address: string): string {
  if (!address.startsWith(MAPPED_PREFIX)) return address;
  const inner = address.slice(MAPPED_PREFIX.length);
  return isIP(inner) === 4 ? inner : address;
}

function withPlainAddress(connection: Edge): Edge {
  const clientAddress = plainAddress(connection.clientAddress);
  return clientAddress === connection.clientAddress ? connection : { ...connection, clientAddress };
}

interface FoundClient {
  readonly address: string;
  /** How many entries of the header are believed, counted from its end. */
  readonly hopCount: number;
}

/** Each hop appends whom it heard from: what stands left of the first one we do not trust may be anyone's invention. */
function findClient(peer: string, forwardedFor: string, isTrusted: (address: string) => boolean): FoundClient {
  let address = peer;
  let hopCount = 0;
  let end = forwardedFor.length;
  while (end > 0 && isTrusted(address)) {
    const comma = forwardedFor.lastIndexOf(",", end - 1);
    const named = addressIn(forwardedFor.slice(comma + 1, end).trim());
    if (named === undefined) break;
    address = named;
    hopCount++;
    end = comma;
  }
  return { address, hopCount };
}

/** Some proxies add the port, or brackets around IPv6. */
function addressIn(text: string): string | undefined {
  if (isIP(text) !== 0) return plainAddress(text);
  const match = ADDRESS_WITH_PORT.exec(text);
  const address = match?.[1] ?? match?.[2] ?? "";
  return isIP(address) === 0 ? undefined : plainAddress(address);
}

/** What the hop nearest the client wrote: as many entries from the end as hops are believed, or the first of fewer. */
function hopValue(header: string | null, hopCount: number): string | undefined {
  if (header === null || !header.includes(",")) return header?.trim();
  const values = header.split(",");
  return values[Math.max(values.length - Math.max(hopCount, 1), 0)]?.trim();
}

/** Traefik names a WebSocket's own scheme. */
function protocolIn(value: string | undefined): Edge["protocol"] | undefined {
  const protocol = value?.toLowerCase();
  if (protocol === "https" || protocol === "wss") return "https";
  return protocol === "http" || protocol === "ws" ? "http" : undefined;
}

function hostIn(value: string | undefined): string | undefined {
  return value !== undefined && HOST_PATTERN.test(value) ? value : undefined;
}
