import type { Resolver as DnsClient } from "node:dns/promises";
import { AppError } from "@dormouse/kernel";
import type { Resolver } from "@dormouse/control-plane";

const TIMEOUT_MS = 5000;

/** Answers that say there is nothing of the kind. */
const NOTHING: ReadonlySet<string> = new Set(["ENOTFOUND", "ENODATA", "EBADNAME"]);

export interface DnsResolverOptions {
  /** As `address:port`; the machine's own unless given. */
  readonly servers?: readonly string[] | undefined;
  readonly timeoutMs?: number;
}

/** DNS as this machine sees it. */
export function dnsResolver({ servers, timeoutMs = TIMEOUT_MS }: DnsResolverOptions = {}): Resolver {
  const ask = async <T>(name: string, query: (client: DnsClient) => Promise<T[]>): Promise<T[]> => {
    // Few servers ever look up a domain.
    const dns = await import("node:dns/promises");
    const client = new dns.Resolver();
    if (servers !== undefined) client.setServers(servers);
    // Bun does not take the client's own time-out.
    const timer = setTimeout(() => client.cancel(), timeoutMs);
    try {
      return await query(client);
    } catch (cause) {
      const { code = "no answer" } = cause as { readonly code?: string };
      if (NOTHING.has(code)) return [];
      throw new AppError("UPSTREAM_UNREACHABLE", `Cannot ask DNS about "${name}": it does not answer (${code})`, {
        hint: "Try again; if it lasts, check the name servers of the domain and of this machine",
        cause,
      });
    } finally {
      clearTimeout(timer);
    }
  };
  return {
    resolveTxt: async (name) => (await ask(name, (client) => client.resolveTxt(name))).map((parts) => parts.join("")),
    resolveCname: (name) => ask(name, (client) => client.resolveCname(name)),
  };
}
