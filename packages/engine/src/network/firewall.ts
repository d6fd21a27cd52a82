import { readFileSync } from "node:fs";
import { runCommand } from "../run-command.ts";

export interface FirewallOptions {
  readonly instance: string;
  readonly subnet: number;
  /** Users besides root that may open connections to a sandbox: the server's. */
  readonly serverUserId: number;
  /** IPv4 address DNS questions are sent on to. */
  readonly resolver: string;
}

/** Address of the host as every sandbox of the engine sees it: default route and DNS. */
export const gatewayAddress = (subnet: number): string => `10.${subnet}.0.1`;
const addressRange = (subnet: number): string => `10.${subnet}.0.0/16`;
export const linkPrefix = (instance: string): string => `dm${instance}-`;

/** Ranges no sandbox may reach (RFC 1918, 6598, 3927, 5737, 6890 …): private, link-local with cloud metadata, reserved. */
const CLOSED_RANGES = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "168.63.129.16/32",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "224.0.0.0/3",
];

/**
 * Connections of one sandbox to the outside at a time, those included that ended in the last two minutes. All share the host's table
 * of connections, of 65,536 or more: one that fills it would cut off the whole host.
 */
const MAX_FLOW_COUNT = 4096;

/**
 * One static table per engine, matched by link name and address range, so that creating a sandbox changes no rule and
 * deleting one leaves none. What is closed is refused at once, so that a program inside fails instead of hanging.
 */
export async function installFirewall(options: FirewallOptions): Promise<void> {
  await runCommand(["nft", "-f", "-"], firewallRules(options));
  /* An address without a sandbox is refused here, not looked for in the networks beyond the host. */
  await runCommand(["ip", "route", "replace", "unreachable", addressRange(options.subnet)]);
  await Bun.write("/proc/sys/net/ipv4/ip_forward", "1");
}

export async function removeFirewall({
  instance,
  subnet,
}: Pick<FirewallOptions, "instance" | "subnet">): Promise<void> {
  await runCommand(["sh", "-c", `ip route del unreachable ${addressRange(subnet)} 2> /dev/null; true`]);
  await runCommand(["nft", "-f", "-"], `table inet dormouse_${instance}\ndelete table inet dormouse_${instance}\n`);
}

export function firewallRules({ instance, subnet, serverUserId, resolver }: FirewallOptions): string {
  const table = `inet dormouse_${instance}`;
  const links = `"${linkPrefix(instance)}*"`;
  const gateway = gatewayAddress(subnet);
  return `
table ${table}
delete table ${table}
table ${table} {
  set flows {
    type ipv4_addr
    size 65535
    flags dynamic
  }
  chain refuse {
    meta l4proto tcp reject with tcp reset
    reject
  }
  chain prerouting {
    type nat hook prerouting priority dstnat
    iifname ${links} ip daddr ${gateway} udp dport 53 dnat ip to ${resolver}
    iifname ${links} ip daddr ${gateway} tcp dport 53 dnat ip to ${resolver}
  }
  chain input {
    type filter hook input priority filter
    iifname ${links} ct state established,related accept
    iifname ${links} goto refuse
  }
  chain output {
    type filter hook output priority filter
    oifname ${links} ct state new meta skuid != { 0, ${serverUserId} } reject
  }
  chain forward {
    type filter hook forward priority filter
    iifname ${links} fib saddr . iif oif missing drop
    iifname ${links} meta nfproto ipv6 drop
    oifname ${links} ct state established,related accept
    oifname ${links} goto refuse
    iifname ${links} ct state new add @flows { ip saddr ct count over ${MAX_FLOW_COUNT} } goto refuse
    iifname ${links} ct status dnat accept
    iifname ${links} meta l4proto { tcp, udp } th dport 53 goto refuse
    iifname ${links} ip daddr { ${CLOSED_RANGES.join(", ")} } goto refuse
    iifname ${links} accept
  }
  chain postrouting {
    type nat hook postrouting priority srcnat
    ip saddr ${addressRange(subnet)} oifname != ${links} masquerade
  }
}
`;
}

const RESOLVER_FILES = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"];
const NAMESERVER = /^nameserver\s+(\d+\.\d+\.\d+\.\d+)\s*$/gm;

/** The host's own IPv4 resolver, or undefined when it only has one on loopback, which packets cannot be sent on to. */
export function hostResolver(): string | undefined {
  const addresses = RESOLVER_FILES.flatMap((file) => {
    try {
      return [...readFileSync(file, "utf8").matchAll(NAMESERVER)].map((match) => match[1]);
    } catch {
      return [];
    }
  });
  return addresses.find((address) => address !== undefined && !address.startsWith("127."));
}
