/** A socket of a process, as the agent lists it. */
export interface PortEntry {
  /** 0 when it cannot be told. */
  readonly pid: number;
  readonly protocol: "tcp" | "udp";
  readonly localAddr: string;
  readonly localPort: number;
  readonly remoteAddr: string;
  readonly remotePort: number;
  /** As `ss` names it: `LISTEN`, `ESTAB`, `UNCONN` … */
  readonly state: string;
  /** Empty when the process cannot be told. */
  readonly processName: string;
}

/** Answer of `GET /network/process/{pid}/ports`. */
export interface ProcessPorts {
  readonly pid: number;
  readonly ports: readonly PortEntry[];
}

/** Answer of `GET /network/ports`: everything in the sandbox that listens. */
export interface SandboxPorts {
  readonly ports: readonly PortEntry[];
}

/** What a port monitor posts to its callback. */
export interface PortEvent {
  readonly pid: number;
  readonly port: number;
}

/** Answer of `POST /network/relays/{port}`: the port at which others reach what listens on `{port}`, maybe that one itself. */
export interface RelayPort {
  readonly port: number;
}
