import { existsSync } from "node:fs";
import { SingleFlight } from "@dormouse/kernel";
import type { HostIdPool, HostIds } from "../ids/host-ids.ts";
import { runCommand } from "../run-command.ts";
import { gatewayAddress, linkPrefix } from "./firewall.ts";

/** What is prepared for one sandbox: its network, which is namespace, link and address, and its user ids. */
export interface NetworkSlot {
  /** Name of the namespace under /run/netns and of the host's end of the link. */
  readonly name: string;
  readonly address: string;
  readonly ids: HostIds;
}

/** Files of the namespaces that are there before what starts in them. */
export interface NamespaceFiles {
  readonly network: string;
  readonly user: string;
}

/** Good as long as this process lives. */
export const namespaceFiles = ({ name, ids }: NetworkSlot): NamespaceFiles => ({
  network: `/run/netns/${name}`,
  user: `/proc/${process.pid}/fd/${ids.namespaceFd}`,
});

export interface SlotPoolOptions {
  readonly instance: string;
  readonly subnet: number;
  /** How many slots are kept ready. */
  readonly readyCount: number;
  /** Addresses that running sandboxes hold already. */
  readonly takenAddresses: readonly string[];
  readonly ids: HostIdPool;
}

/** The first waits for few. */
const FIRST_BATCH = 2;
const MAX_BATCH = 16;
/** Made ahead beside those of the slots: they are two descriptors each, so there can be more of them. */
const IDS_PER_SLOT = 4;
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

  /** A ready slot at once, or the next one made. It does not refill the pool: that would slow the start it is for. */
  async acquire(): Promise<NetworkSlot> {
    const slot = this.#ready.shift();
    if (slot !== undefined) return slot;
    const { promise, resolve, reject } = Promise.withResolvers<NetworkSlot>();
    this.#waiting.push({ resolve, reject });
    this.refill();
    return promise;
  }

  /** Takes back the slot of a sandbox whose processes are gone. One that cannot be used again is taken off the machine. */
  async recycle(slot: NetworkSlot): Promise<void> {
    this.#taken.delete(slot.address);
    if (this.#isClosed || this.#ready.length >= this.#options.readyCount) return this.#destroy(slot);
    const fresh = { ...slot, address: this.#takeAddress() };
    try {
      await runCommand(["sh", "-e"], readdressScript(fresh, this.#gateway()));
      this.#offer(fresh);
    } catch {
      await this.#destroy(fresh);
    }
  }

  /** Takes back a slot of which nobody is to have the user namespace again. */
  async discard(slot: NetworkSlot): Promise<void> {
    this.#options.ids.discard(slot.ids);
    await this.#removeLink(slot);
  }

  /** Ends every ready slot. Slots in use stay with their sandboxes. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#refilling.run("refill", async () => undefined);
    for (const slot of this.#ready.splice(0)) await this.#destroy(slot);
    await this.#options.ids.close();
  }

  /** Fills the pool when it runs low; until then the slots of deleted sandboxes have room to come back. */
  refillWhenLow(): void {
    if (this.#isClosed) return;
    if (this.#ready.length * 2 <= this.#options.readyCount) this.refill();
    this.#options.ids.fill(this.#options.readyCount * IDS_PER_SLOT);
  }

  /** Fills the pool in the background. */
  refill(): void {
    if (this.#missingCount() === 0) return;
    void this.#refilling
      .run("refill", () => this.#makeMissing())
      .catch((error: unknown) => {
        for (const waiter of this.#waiting.splice(0)) waiter.reject(error);
      });
  }

  #missingCount(): number {
    return Math.max(0, this.#waiting.length + this.#options.readyCount - this.#ready.length);
  }

  async #makeMissing(): Promise<void> {
    for (let size = FIRST_BATCH; !this.#isClosed && this.#missingCount() > 0; size = Math.min(size * 2, MAX_BATCH)) {
      const ids = await this.#options.ids.acquire(Math.min(size, this.#missingCount()));
      const batch = ids.map((its) => ({ name: this.#takeName(), address: this.#takeAddress(), ids: its }));
      try {
        await runCommand(["sh", "-e"], makeScript(batch, this.#gateway()));
      } catch (error) {
        for (const slot of batch) await this.#destroy(slot);
        throw error;
      }
      for (const slot of batch) this.#offer(slot);
    }
  }

  #offer(slot: NetworkSlot): void {
    const waiter = this.#waiting.shift();
    if (waiter === undefined) this.#ready.push(slot);
    else waiter.resolve(slot);
  }

  async #destroy(slot: NetworkSlot): Promise<void> {
    this.#options.ids.recycle(slot.ids);
    await this.#removeLink(slot);
  }

  async #removeLink({ name, address }: NetworkSlot): Promise<void> {
    this.#taken.delete(address);
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
  "echo 1 > /proc/sys/net/ipv6/conf/eth0/disable_ipv6",
];

/**
 * The same on every link, as nothing else is on it. Written down as permanent neighbours, they are never asked for: the kernel's
 * table of those holds 1024 for all namespaces together, two a sandbox, and refuses connections beyond.
 */
const OUTSIDE_MAC = "02:00:00:00:00:01";
const INSIDE_MAC = "02:00:00:00:00:02";

type Link = Pick<NetworkSlot, "name" | "address">;

/** One shell, two `ip` runs on the host and one in each namespace: a spawn costs more than what it does here. */
function makeScript(slots: readonly Link[], gateway: string): string {
  const links = slots.flatMap(({ name }) => [
    `netns add ${name}`,
    `link add ${name} address ${OUTSIDE_MAC} type veth peer name eth0 address ${INSIDE_MAC} netns ${name}`,
  ]);
  return [
    ipBatch(links),
    ...slots.map(({ name, address }) =>
      inNamespace(name, [...NAMESPACE_SETTINGS, ipBatch(insideCommands(address, gateway))]),
    ),
    ipBatch(slots.flatMap((slot) => outsideCommands(slot, gateway))),
  ].join("\n");
}

function readdressScript({ name, address }: Link, gateway: string): string {
  return [
    inNamespace(name, [
      ipBatch(["addr flush dev eth0", "neigh flush dev eth0 nud permanent", ...insideCommands(address, gateway)]),
    ]),
    ipBatch([
      `addr flush dev ${name}`,
      `neigh flush dev ${name} nud permanent`,
      ...outsideCommands({ name, address }, gateway),
    ]),
  ].join("\n");
}

const insideCommands = (address: string, gateway: string): string[] => [
  "link set lo up",
  `addr add ${address}/32 dev eth0`,
  "link set eth0 up",
  `route add ${gateway} dev eth0`,
  `route add default via ${gateway}`,
  `neigh replace ${gateway} lladdr ${OUTSIDE_MAC} dev eth0 nud permanent`,
];

const outsideCommands = ({ name, address }: Link, gateway: string): string[] => [
  `link set ${name} up`,
  `addr add ${gateway} peer ${address} dev ${name}`,
  `neigh replace ${address} lladdr ${INSIDE_MAC} dev ${name} nud permanent`,
];

const ipBatch = (commands: readonly string[]): string => ["ip -batch - <<END", ...commands, "END"].join("\n");

const inNamespace = (name: string, commands: readonly string[]): string =>
  [`nsenter --net=/run/netns/${name} sh -e <<'INSIDE'`, ...commands, "INSIDE"].join("\n");
