import { runCommand } from "@dormouse/engine";

/** From the range that RFC 2544 sets aside for tests; a test process has a link of its own in it. */
const addressOn = (hostNumber: 1 | 2): string =>
  `198.18.${process.pid & 255}.${((process.pid >> 8) & 63) * 4 + hostNumber}`;

/** Another machine on a network cable: a network namespace that ends with its scope, and whose cable can be pulled. */
export class RemoteHost implements AsyncDisposable {
  readonly #name = `dm-remote-${process.pid}`;
  readonly #link = `dmr${process.pid}`;
  /** What the other machine reaches this one at. */
  readonly serverAddress = addressOn(1);

  static async connect(): Promise<RemoteHost> {
    const host = new RemoteHost();
    try {
      await host.#create();
      return host;
    } catch (error) {
      await host[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Runs a program there until it ends or the scope does. */
  spawn(command: readonly string[]): Bun.Subprocess<"ignore", "pipe", "inherit"> {
    return Bun.spawn(["ip", "netns", "exec", this.#name, "setpriv", "--pdeathsig=KILL", "--", ...command], {
      stdio: ["ignore", "pipe", "inherit"],
    });
  }

  /** Nothing that is sent arrives any more, and nobody is told. */
  async pullCable(): Promise<void> {
    await runCommand(["ip", "-n", this.#name, "link", "set", "eth0", "down"]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await runCommand(["ip", "link", "delete", this.#link]).catch(() => undefined);
    await runCommand(["ip", "netns", "delete", this.#name]).catch(() => undefined);
  }

  async #create(): Promise<void> {
    const there = ["ip", "-n", this.#name];
    const peer = ["peer", "name", "eth0", "netns", this.#name];
    await runCommand(["ip", "netns", "add", this.#name]);
    await runCommand(["ip", "link", "add", this.#link, "type", "veth", ...peer]);
    await runCommand(["ip", "address", "add", `${this.serverAddress}/30`, "dev", this.#link]);
    await runCommand(["ip", "link", "set", this.#link, "up"]);
    await runCommand([...there, "address", "add", `${addressOn(2)}/30`, "dev", "eth0"]);
    await runCommand([...there, "link", "set", "eth0", "up"]);
  }
}
