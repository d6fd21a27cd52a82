import { existsSync } from "node:fs";
import { SingleFlight } from "@dormouse/kernel";
import { runCommand } from "../run-command.ts";
import { gatewayAddress, linkPrefix } from "./firewall.ts";

/** A prepared network for one sandbox: namespace, link and address. */
export interface NetworkSlot {
  /** Name of the namespace under /run/netns and of the host's end of the link. */
  readonly name: string;
  readonly address: string;
}

export interface SlotPoolOptions {
  readonly instance: string;
  readonly subnet: number;
  /** How many slots are kept ready. */
  readonly readyCount: number;
  /** Addresses that running sandboxes hold already. */
  readonly takenAddresses: readonly string[];
}

const MAX_BATCH = 16;
const FIRST_HOST = 256;
const LAST_HOST = 65_000;

/**
 * Network slots made ahead of need, because a link costs milliseconds to make and 19 ms to delete (design §5). A slot that
 * comes back keeps its namespace and link but gets an address nobody had lately, so that a connection the gateway still
 * pools can never reach the next sandbox.
 */
export class SlotPool {
  readonly #options: SlotPoolOptions;
  readonly #ready: NetworkSlot[] = [];
  readonly #waiting: { resolve: (slot: NetworkSlot) => void; reject: (error: unknown) => void }[] = [];
  readonly #refilling = new SingleFlight<void>();
  readonly #taken: Set<string>;
  #nextHost: number;
  #nextSlot = 1;
  #isClosed = false;

  constructor(options: SlotPoolOptions) {
    this.#options = options;
    this.#taken = new Set(options.takenAddresses);
    this.#nextHost = FIRST_HOST + Math.floor(Math.random() * (LAST_HOST - FIRST_HOST));
  }

  /** A ready slot at once, or the next one made. */
  acquire(): Promise<NetworkSlot> {
    const slot = this.#ready.shift();
    const acquired =
      slot === undefined
        ? new Promise<NetworkSlot>((resolve, reject) => this.#waiting.push({ resolve, reject }))
        : Promise.resolve(slot);
    this.#refillInBackground();
    return acquired;
  }

  /** Starts filling the pool. */
  warmUp(): void {
    this.#refillInBackground();
  }

  /** Takes back the slot of a sandbox whose processes are gone. */
  async recycle(slot: NetworkSlot): Promise<void> {
    this.#taken.delete(slot.address);
    if (this.#ready.length >= this.#options.readyCount) return this.#destroy(slot.name);
    const fresh = { name: slot.name, address: this.#takeAddress() };
    await runCommand(["sh", "-e"], readdressScript(slot, fresh.address, this.#gateway()));
    this.#offer(fresh);
  }

  /** Ends every ready slot. Slots in use stay with their sandboxes. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#refilling.run("refill", async () => undefined);
    for (const slot of this.#ready.splice(0)) await this.#destroy(slot.name);
  }

  #refillInBackground(): void {
    if (this.#missingCount() === 0) return;
    void this.#refilling
      .run("refill", () => this.#refill())
      .catch((error: unknown) => {
        for (const waiter of this.#waiting.splice(0)) waiter.reject(error);
      });
  }

  #missingCount(): number {
    return Math.max(0, this.#waiting.length + this.#options.readyCount - this.#ready.length);
  }

  async #refill(): Promise<void> {
    while (!this.#isClosed && this.#missingCount() > 0) {
      const batch = Array.from({ length: Math.min(MAX_BATCH, this.#missingCount()) }, () => ({
        name: this.#takeName(),
        address: this.#takeAddress(),
      }));
      await runCommand(["sh", "-e"], batch.map((slot) => makeScript(slot, this.#gateway())).join("\n"));
      for (const slot of batch) this.#offer(slot);
    }
  }

  #offer(slot: NetworkSlot): void {
    const waiter = this.#waiting.shift();
    if (waiter === undefined) this.#ready.push(slot);
    else waiter.resolve(slot);
  }

  async #destroy(name: string): Promise<void> {
    await runCommand(["sh", "-c", `ip link delete ${name} 2>/dev/null; ip netns delete ${name} 2>/dev/null; true`]);
  }

  #gateway(): string {
    return gatewayAddress(this.#options.subnet);
  }

  /** A name no link has: sandboxes that outlived an earlier engine keep theirs. */
  #takeName(): string {
    for (;;) {
      const name = `${linkPrefix(this.#options.instance)}${(this.#nextSlot++).toString(36)}`;
      if (!existsSync(`/sys/class/net/${name}`)) return name;
    }
  }

  #takeAddress(): string {
    for (;;) {
      this.#nextHost = this.#nextHost >= LAST_HOST ? FIRST_HOST : this.#nextHost + 1;
      const address = `10.${this.#options.subnet}.${this.#nextHost >> 8}.${this.#nextHost & 0xff}`;
      if ((this.#nextHost & 0xff) === 0 || (this.#nextHost & 0xff) === 255 || this.#taken.has(address)) continue;
      this.#taken.add(address);
      return address;
    }
  }
}

/** Low ports and ping for root inside, who owns nothing of this namespace; no IPv6 beyond loopback, which no rule would filter. */
const NAMESPACE_SETTINGS = [
  "echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start",
  'echo "0 2147483647" > /proc/sys/net/ipv4/ping_group_range',
  "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6",
];

function makeScript({ name, address }: NetworkSlot, gateway: string): string {
  const inside = [
    ...NAMESPACE_SETTINGS,
    "ip link set lo up",
    ...addressCommands(address, gateway),
  ];
  return [
    `ip netns add ${name}`,
    `ip link add ${name} type veth peer name eth0 netns ${name}`,
    `nsenter --net=/run/netns/${name} sh -ec '${inside.join("\n")}'`,
    ...hostCommands(name, address, gateway),
  ].join("\n");
}

function readdressScript(slot: NetworkSlot, address: string, gateway: string): string {
  const inside = ["ip addr flush dev eth0", ...addressCommands(address, gateway)];
  return [
    `nsenter --net=/run/netns/${slot.name} sh -ec '${inside.join("\n")}'`,
    `ip addr flush dev ${slot.name}`,
    ...hostCommands(slot.name, address, gateway),
  ].join("\n");
}

const addressCommands = (address: string, gateway: string): string[] => [
  `ip addr add ${address}/32 dev eth0`,
  "ip link set eth0 up",
  `ip route add ${gateway} dev eth0`,
  `ip route add default via ${gateway}`,
];

const hostCommands = (name: string, address: string, gateway: string): string[] => [
  `ip link set ${name} up`,
  `ip addr add ${gateway} peer ${address} dev ${name}`,
];
