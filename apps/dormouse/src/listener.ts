import { type Gateway, type GatewaySocketData, SERVE_OPTIONS } from "@dormouse/gateway";
import type { Server } from "bun";
import { type Certificate, tlsOptions } from "./certificates.ts";
import { endVanishedClients } from "./vanished-clients.ts";

type HttpServer = Server<GatewaySocketData>;

export interface ListenerOptions {
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  /** None for plain HTTP. */
  readonly certificates: readonly Certificate[];
  /** How long a client may give no sign of life, in milliseconds. */
  readonly clientTimeoutMs: number;
  readonly websocket: Gateway["websocket"];
  readonly fetch: (request: Request, server: HttpServer) => Response | Promise<Response | undefined>;
}

/** The one port of the server, with certificates that can be replaced while it serves. */
export class Listener implements AsyncDisposable {
  readonly #options: ListenerOptions;
  /** Without a new connection to come, until their last one ends. */
  readonly #draining = new Set<HttpServer>();
  #current: HttpServer;

  /** @throws Error when the port cannot be had */
  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#current = openPort(options);
  }

  get url(): URL {
    return this.#current.url;
  }

  get port(): number {
    return this.#current.port ?? 0;
  }

  /**
   * New connections get the new certificates; requests, streams and WebSockets that are open go on over the old ones. Only
   * for a listener that had certificates. @throws Error for certificates that cannot be used: the old ones stay
   */
  replaceCertificates(certificates: readonly Certificate[]): void {
    const next = serve({ ...this.#options, certificates, port: this.port });
    const previous = this.#current;
    this.#current = next;
    this.#draining.add(previous);
    void previous.stop().then(() => this.#draining.delete(previous));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#current, ...this.#draining].map((server) => server.stop(true)));
  }
}

function openPort(options: ListenerOptions): HttpServer {
  try {
    // Two sockets of one user may share a port, which replacing certificates needs: so that nobody shares it from the start,
    // it is first opened in a way that fails when it is taken.
    if (options.certificates.length > 0 && options.port !== 0) void serve({ ...options, certificates: [] }).stop(true);
    return serve(options);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new Error(`Cannot listen on port ${options.port} of ${options.host}: ${stateOf(code, cause)}`, { cause });
  }
}

function stateOf(code: string | undefined, cause: unknown): string {
  if (code === "EADDRINUSE") return "another program uses it. Choose another one with --port or --host";
  if (code === "EACCES")
    return "the server has no privileges. Allow the port with `sysctl net.ipv4.ip_unprivileged_port_start=80`";
  return `${String(cause)}. Choose another one with --port or --host`;
}

function serve({ host, port, certificates, clientTimeoutMs, websocket, fetch }: ListenerOptions): HttpServer {
  const isTls = certificates.length > 0;
  const server = Bun.serve<GatewaySocketData>({
    ...SERVE_OPTIONS,
    hostname: host,
    port,
    websocket,
    fetch,
    ...(isTls && { tls: tlsOptions(certificates), http2: true, reusePort: true }),
  });
  endVanishedClients(clientTimeoutMs);
  return server;
}
