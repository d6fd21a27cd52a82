/** System calls the runtime has no name for. They return -1 on failure. */
export interface Libc {
  fallocate(fd: number, mode: number, offsetBytes: number, lengthBytes: number): number;
  /** Writes the read end and the write end into `ends`, as two 32-bit integers. */
  pipe2(ends: Int32Array, flags: number): number;
  fcntl(fd: number, command: number, argument: number): number;
  waitpid(pid: number, status: Int32Array, options: number): number;
  execve(path: Uint8Array, argv: BigUint64Array, env: BigUint64Array): number;
  /** Where `bytes` lie. */
  addressOf(bytes: Uint8Array): number;
}

let loading: Promise<Libc | null> | undefined;
let loaded: Libc | null = null;

/** Loaded on first use, as it takes a millisecond and hardly any process needs it. Null where there is none. */
export function loadLibc(): Promise<Libc | null> {
  loading ??= open();
  return loading;
}

/** What `loadLibc` has loaded. */
export function loadedLibc(): Libc | null {
  return loaded;
}

const F_SETFD = 2;
const FD_CLOEXEC = 1;

/** Whether a program that replaces this one finds `fd` open. */
export function setInherited(libc: Libc, fd: number, isInherited: boolean): void {
  libc.fcntl(fd, F_SETFD, isInherited ? 0 : FD_CLOEXEC);
}

async function open(): Promise<Libc | null> {
  try {
    const { dlopen, ptr } = await import("bun:ffi");
    const { symbols } = dlopen("libc.so.6", {
      fallocate: { args: ["int", "int", "i64", "i64"], returns: "int" },
      pipe2: { args: ["ptr", "int"], returns: "int" },
      fcntl: { args: ["int", "int", "int"], returns: "int" },
      waitpid: { args: ["int", "ptr", "int"], returns: "int" },
      execve: { args: ["ptr", "ptr", "ptr"], returns: "int" },
    });
    loaded = { ...symbols, addressOf: ptr };
  } catch {
    loaded = null;
  }
  return loaded;
}
