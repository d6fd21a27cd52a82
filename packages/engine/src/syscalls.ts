import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { dlopen, FFIType, read } from "bun:ffi";
import { getSystemErrorName } from "node:util";
import { AppError } from "@dormouse/kernel";

/*
 * The few system calls the engine makes itself, because a spawned tool would cost a millisecond each (design §4).
 * Numbers are those of x86_64 and aarch64 alike: all three were added after the tables were unified.
 */

const libc = dlopen("libc.so.6", {
  syscall: {
    args: [FFIType.i64, FFIType.i64, FFIType.ptr, FFIType.i64, FFIType.ptr, FFIType.i64],
    returns: FFIType.i64,
  },
  mount: { args: [FFIType.ptr, FFIType.ptr, FFIType.ptr, FFIType.u64, FFIType.ptr], returns: FFIType.i32 },
  umount2: { args: [FFIType.ptr, FFIType.i32], returns: FFIType.i32 },
  memfd_create: { args: [FFIType.ptr, FFIType.u32], returns: FFIType.i32 },
  fcntl: { args: [FFIType.i32, FFIType.i32, FFIType.i32], returns: FFIType.i32 },
  setns: { args: [FFIType.i32, FFIType.i32], returns: FFIType.i32 },
  sethostname: { args: [FFIType.ptr, FFIType.u64], returns: FFIType.i32 },
  flock: { args: [FFIType.i32, FFIType.i32], returns: FFIType.i32 },
  lsetxattr: { args: [FFIType.ptr, FFIType.ptr, FFIType.ptr, FFIType.u64, FFIType.i32], returns: FFIType.i32 },
  lgetxattr: { args: [FFIType.ptr, FFIType.ptr, FFIType.ptr, FFIType.u64], returns: FFIType.i64 },
  __errno_location: { args: [], returns: FFIType.ptr },
});

const SYS_OPEN_TREE = 428;
const SYS_MOVE_MOUNT = 429;
const SYS_MOUNT_SETATTR = 442;
const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const OPEN_TREE_CLONE = 1;
const OPEN_TREE_CLOEXEC = 0o2000000;
const MOVE_MOUNT_F_EMPTY_PATH = 4;
const MOUNT_ATTR_RDONLY = 0x1n;
const MOUNT_ATTR_NODEV = 0x4n;
const MOUNT_ATTR_IDMAP = 0x100000n;
const MS_REMOUNT = 32;
const MS_BIND = 4096;
const MNT_DETACH = 2;
const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const F_ADD_SEALS = 1033;
/** F_SEAL_SEAL | SHRINK | GROW | WRITE. */
const ALL_SEALS = 0xf;
const LOCK_SH = 1;
const LOCK_EX = 2;
const CLONE_NEWUTS = 0x04000000;
const LOCK_NB = 4;

/** Attribute of overlayfs, which only the host's root can set. */
const OPAQUE = "trusted.overlay.opaque";

/** Passed to the calls as it is: a pointer taken from it would not keep it from being collected. */
const cstring = (text: string | Buffer): Buffer =>
  typeof text === "string" ? Buffer.from(`${text}\0`) : Buffer.concat([text, Buffer.alloc(1)]);

function failure(what: string): AppError {
  const location = libc.symbols.__errno_location();
  const errno = location === null ? 0 : read.i32(location, 0);
  const name = errno === 0 ? "unknown error" : getSystemErrorName(-errno);
  return new AppError("INTERNAL", `Cannot ${what}: ${name}`, { details: { errno: name } });
}

export interface OverlayDirs {
  /** Topmost first, as overlayfs reads them. */
  readonly lower: readonly string[];
  readonly upper: string;
  readonly work: string;
}

/** Mounts a writable overlay at `target`. */
export function mountOverlay(dirs: OverlayDirs, target: string): void {
  const options = `lowerdir=${dirs.lower.join(":")},upperdir=${dirs.upper},workdir=${dirs.work},xino=off`;
  const result = libc.symbols.mount(cstring("overlay"), cstring(target), cstring("overlay"), 0, cstring(options));
  if (result !== 0) throw failure(`mount an overlay at "${target}"`);
}

/** Mounts the cgroup v2 tree at `target`. */
export function mountCgroup2(target: string): void {
  const result = libc.symbols.mount(cstring("none"), cstring(target), cstring("cgroup2"), 0, null);
  if (result !== 0) throw failure(`mount the cgroup v2 tree at "${target}"`);
}

/** Changes the options of the file system mounted at `target`; all that should hold must be named. */
export function remount(target: string, options: string): void {
  const result = libc.symbols.mount(null, cstring(target), null, MS_REMOUNT, cstring(options));
  if (result !== 0) throw failure(`set "${options}" on "${target}"`);
}

/** Shows the file or folder `source` at `target`, which must exist. */
export function mountBind(source: string, target: string): void {
  const result = libc.symbols.mount(cstring(source), cstring(target), null, MS_BIND, null);
  if (result !== 0) throw failure(`show "${source}" at "${target}"`);
}

/** Mounts an empty tmpfs at `target`. */
export function mountTmpfs(target: string): void {
  const result = libc.symbols.mount(cstring("tmpfs"), cstring(target), cstring("tmpfs"), 0, null);
  if (result !== 0) throw failure(`mount a tmpfs at "${target}"`);
}

export interface MappedOwners {
  readonly userNamespaceFd: number;
  readonly isWritable?: boolean;
}

export interface IdmappedMount extends MappedOwners {
  readonly source: string;
  readonly target: string;
}

/** Mounts `source` at `target` with every owner shifted by the mapping of the user namespace; read-only unless it says else. */
export function mountIdmapped({ source, target, ...owners }: IdmappedMount): void {
  const tree = cloneIdmapped(source, owners);
  try {
    moveMount(tree, target);
  } finally {
    closeSync(tree);
  }
}

/** Shifts the owners in what is mounted at `target`, which nobody may use yet. */
export function remountIdmapped(target: string, owners: MappedOwners): void {
  const tree = cloneIdmapped(target, owners);
  try {
    detachMount(target);
    moveMount(tree, target);
  } finally {
    closeSync(tree);
  }
}

/** A descriptor of a mount that is nowhere yet. */
function cloneIdmapped(source: string, { userNamespaceFd, isWritable = false }: MappedOwners): number {
  const { syscall } = libc.symbols;
  const tree = Number(syscall(SYS_OPEN_TREE, AT_FDCWD, cstring(source), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC, null, 0));
  if (tree < 0) throw failure(`clone the mount of "${source}"`);
  const attributes = new BigUint64Array([
    (isWritable ? 0n : MOUNT_ATTR_RDONLY) | MOUNT_ATTR_NODEV | MOUNT_ATTR_IDMAP,
    0n,
    0n,
    BigInt(userNamespaceFd),
  ]);
  const changed = syscall(SYS_MOUNT_SETATTR, tree, cstring(""), AT_EMPTY_PATH, attributes, attributes.byteLength);
  if (Number(changed) === 0) return tree;
  const refusal = failure(`map the owners of "${source}"`);
  closeSync(tree);
  throw refusal;
}

function moveMount(tree: number, target: string): void {
  const { syscall } = libc.symbols;
  const moved = syscall(SYS_MOVE_MOUNT, tree, cstring(""), AT_FDCWD, cstring(target), MOVE_MOUNT_F_EMPTY_PATH);
  if (Number(moved) !== 0) throw failure(`mount a file system at "${target}"`);
}

/** Takes the mount at `target` out of sight; it ends when its last user does. A path that is no mount is left alone. */
export function detachMount(target: string): void {
  libc.symbols.umount2(cstring(target), MNT_DETACH);
}

/** Says of a folder of a layer that nothing shows in it of the layers below. */
export function setOpaque(folder: string | Buffer): void {
  const value = Buffer.from("y");
  if (libc.symbols.lsetxattr(cstring(folder), cstring(OPAQUE), value, BigInt(value.length), 0) !== 0) {
    throw failure(`hide what is below "${folder.toString()}"`);
  }
}

export function isOpaque(folder: string | Buffer): boolean {
  const value = Buffer.alloc(1);
  const length = libc.symbols.lgetxattr(cstring(folder), cstring(OPAQUE), value, BigInt(value.length));
  return Number(length) === 1 && value.toString() === "y";
}

/** True when this process now holds the exclusive lock of the open file; it is released when the process ends. */
export function tryLock(fd: number): boolean {
  return libc.symbols.flock(fd, LOCK_EX | LOCK_NB) === 0;
}

/** Waits, and this whole process with it, until it shares the lock of the open file with others that do. */
export function shareLock(fd: number): void {
  if (libc.symbols.flock(fd, LOCK_SH) !== 0) throw failure("share a lock");
}

/** A copy of a program in memory that nobody can change any more; its path holds as long as this process lives. */
export function sealedCopy(program: string): string {
  const fd = libc.symbols.memfd_create(cstring(program), MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) throw failure(`make room for a copy of "${program}"`);
  writeFileSync(fd, readFileSync(program));
  if (libc.symbols.fcntl(fd, F_ADD_SEALS, ALL_SEALS) !== 0) throw failure(`seal the copy of "${program}"`);
  return `/proc/${process.pid}/fd/${fd}`;
}

/** Names the machine that a process sees itself on. Only this thread goes there, and it is back when this returns. */
export function setHostnameOf(pid: number, name: string): void {
  const own = openSync("/proc/thread-self/ns/uts", "r");
  const target = openSync(`/proc/${pid}/ns/uts`, "r");
  try {
    if (libc.symbols.setns(target, CLONE_NEWUTS) !== 0) throw failure("enter the sandbox's name space of host names");
    const bytes = Buffer.from(name);
    const isNamed = libc.symbols.sethostname(bytes, BigInt(bytes.length)) === 0;
    if (libc.symbols.setns(own, CLONE_NEWUTS) !== 0) throw failure("leave the sandbox's name space of host names");
    if (!isNamed) throw failure(`name the machine "${name}"`);
  } finally {
    closeSync(own);
    closeSync(target);
  }
}
