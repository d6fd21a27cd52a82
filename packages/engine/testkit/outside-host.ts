import { readFileSync } from "node:fs";
import { runCommand } from "../src/run-command.ts";

const LINK = "dmtest0";
const PUBLIC_ADDRESS = "203.0.113.10";
/** Answers each connection to port 7000 with the address it comes from. */
const PROGRAM = `
  const server = Bun.serve({ port: 7000, fetch: (request, server) => new Response(server.requestIP(request).address) });
  console.log(server.port);
`;

/** A host of a test's own, in a network namespace of its own, that this machine reaches at a public and at other addresses. */
export class OutsideHost implements AsyncDisposable {
  readonly address = PUBLIC_ADDRESS;
  /** As it sees this machine. */
  readonly addressOfMachine = "198.51.100.1";
  readonly #process: Bun.Subprocess<"ignore", "pipe", "inherit">;

  private constructor(process: Bun.Subprocess<"ignore", "pipe", "inherit">) {
    this.#process = process;
  }

  static async start(moreAddresses: readonly string[] = []): Promise<OutsideHost> {
    const child = Bun.spawn(["unshare", "--net", "--", process.execPath, "-e", PROGRAM], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const host = new OutsideHost(child);
    try {
      await child.stdout.getReader().read();
      await host.#join([PUBLIC_ADDRESS, ...moreAddresses]);
      return host;
    } catch (error) {
      await host[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Datagrams that came to ports where nobody listens, since its start. */
  get strayDatagramCount(): number {
    const [names = "", values = ""] =
      readFileSync(`/proc/${this.#process.pid}/net/snmp`, "utf8").match(/^Udp: .*$/gm) ?? [];
    return Number(values.split(" ")[names.split(" ").indexOf("NoPorts")]);
  }

  async #join(addresses: readonly string[]): Promise<void> {
    const outside = `nsenter --net=/proc/${this.#process.pid}/ns/net ip`;
    const commands = [
      `ip link add ${LINK} type veth peer name eth0 netns ${this.#process.pid}`,
      `ip addr add ${this.addressOfMachine}/30 dev ${LINK}`,
      `ip link set ${LINK} up`,
      `${outside} addr add 198.51.100.2/30 dev eth0`,
      `${outside} link set eth0 up`,
      `${outside} link set lo up`,
      `${outside} route add default via ${this.addressOfMachine}`,
      ...addresses.flatMap((address) => [
        `${outside} addr add ${address}/32 dev lo`,
        `ip route add ${address}/32 via 198.51.100.2`,
      ]),
    ];
    await runCommand(["sh", "-ec", commands.join("\n")]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.exited;
    await runCommand(["sh", "-c", `ip link delete ${LINK} 2> /dev/null; true`]);
  }
}
