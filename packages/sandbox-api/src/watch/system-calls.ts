import { getSystemErrorMap } from "node:util";
import { toBuffer } from "./byte-paths.ts";

const IN_NONBLOCK = 0o4000;
const IN_CLOEXEC = 0o2000000;
const SYS_GETDENTS64: Readonly<Partial<Record<NodeJS.Architecture, number>>> = { x64: 217, arm64: 61 };

/** The system calls that watching needs. Each throws an errno error; paths are byte strings. */
export interface WatchCalls {
  /** Descriptor of a new inotify instance. */
  openInotify(): number;
  /** Number of the watch on `path`; a directory has one, whatever path it is asked for by. */
  addWatch(fd: number, path: string, mask: number): number;
  /** A watch that is gone already is fine. */
  removeWatch(fd: number, watchNumber: number): void;
  /** Fills `buffer` with the next `linux_dirent64`s of an open directory; 0 at its end. */
  readEntries(fd: number, buffer: Buffer): number;
}

let calls: Promise<WatchCalls> | undefined;

/** Loaded on first use: most sandboxes never watch. @throws when there is no glibc. */
export function loadWatchCalls(): Promise<WatchCalls> {
  calls ??= load();
  return calls;
}

async function load(): Promise<WatchCalls> {
  const { dlopen, read } = await import("bun:ffi");
  const { symbols: libc } = dlopen("libc.so.6", {
    inotify_init1: { args: ["int"], returns: "int" },
    inotify_add_watch: { args: ["int", "ptr", "u32"], returns: "int" },
    inotify_rm_watch: { args: ["int", "int"], returns: "int" },
    syscall: { args: ["i64", "i64", "ptr", "i64"], returns: "i64" },
    __errno_location: { args: [], returns: "ptr" },
  });
  const checked = (result: number, syscall: string): number => {
    if (result >= 0) return result;
    const location = libc.__errno_location();
    const errno = location === null ? 0 : read.i32(location, 0);
    const [code, text] = getSystemErrorMap().get(-errno) ?? ["EIO", "unknown error"];
    throw Object.assign(new Error(`${code}: ${text}, ${syscall}`), { code, syscall });
  };
  const getdents64 = SYS_GETDENTS64[process.arch] ?? -1;
  return {
    openInotify: () => checked(libc.inotify_init1(IN_NONBLOCK | IN_CLOEXEC), "inotify_init1"),
    addWatch: (fd, path, mask) => checked(libc.inotify_add_watch(fd, toBuffer(`${path}\0`), mask), "inotify_add_watch"),
    removeWatch: (fd, watchNumber) => void libc.inotify_rm_watch(fd, watchNumber),
    readEntries: (fd, buffer) => checked(Number(libc.syscall(getdents64, fd, buffer, buffer.length)), "getdents64"),
  };
}
