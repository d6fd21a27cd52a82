import { dlopen, FFIType } from "bun:ffi";
import { closeSync, openSync, readFileSync, rmSync } from "node:fs";
import { AppError } from "@dormouse/kernel";

/**
 * The system calls a sandbox may make: what ordinary programs use, without those whose main use is attacking the kernel
 * (io_uring, bpf, userfaultfd, keyctl, perf, module and mount calls, new user namespaces), and without POSIX message queues, whose
 * bytes the kernel counts for all sandboxes together (decision 0032). A call that is not listed fails with ENOSYS, so libraries
 * fall back to what they did before it existed.
 */
const ALLOWED = `
accept accept4 access adjtimex alarm arch_prctl bind brk cachestat capget capset chdir chmod chown chroot clock_adjtime
clock_getres clock_gettime clock_nanosleep close close_range connect copy_file_range creat dup dup2 dup3 epoll_create
epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 execve execveat exit exit_group faccessat
faccessat2 fadvise64 fallocate fchdir fchmod fchmodat fchmodat2 fchown fchownat fcntl fdatasync fgetxattr flistxattr flock fork
fremovexattr fsetxattr fstat fstatfs fsync ftruncate futex futex_wait futex_wake futex_requeue futex_waitv futimesat getcpu
getcwd getdents getdents64 getegid geteuid getgid getgroups getitimer getpeername getpgid getpgrp getpid getppid getpriority
getrandom getresgid getresuid getrlimit get_robust_list getrusage getsid getsockname getsockopt get_thread_area gettid
gettimeofday getuid getxattr inotify_add_watch inotify_init inotify_init1 inotify_rm_watch ioctl io_cancel io_destroy
io_getevents io_pgetevents ioprio_get ioprio_set io_setup io_submit kill landlock_add_rule landlock_create_ruleset
landlock_restrict_self lchown lgetxattr link linkat listen listxattr llistxattr lremovexattr lseek lsetxattr lstat madvise
map_shadow_stack membarrier memfd_create mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap mprotect mremap mseal msgctl msgget msgrcv msgsnd msync munlock munlockall
munmap name_to_handle_at nanosleep newfstatat open openat openat2 pause pidfd_getfd pidfd_open pidfd_send_signal pipe pipe2
pkey_alloc pkey_free pkey_mprotect poll ppoll prctl pread64 preadv preadv2 prlimit64 process_mrelease process_vm_readv
process_vm_writev pselect6 ptrace pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv recvfrom recvmmsg recvmsg
remap_file_pages removexattr rename renameat renameat2 restart_syscall rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask
rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sched_getaffinity sched_getattr sched_getparam
sched_get_priority_max sched_get_priority_min sched_getscheduler sched_rr_get_interval sched_setaffinity sched_setattr
sched_setparam sched_setscheduler sched_yield select semctl semget semop semtimedop sendfile sendmmsg sendmsg sendto setfsgid
setfsuid setgid setgroups setitimer setpgid setpriority setregid setresgid setresuid setreuid setrlimit set_robust_list setsid
setsockopt set_thread_area set_tid_address setuid setxattr shmat shmctl shmdt shmget shutdown sigaltstack signalfd signalfd4
splice stat statfs statx symlink symlinkat sync sync_file_range syncfs sysinfo tee tgkill time timer_create
timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_gettime timerfd_settime times tkill truncate
umask uname unlink unlinkat utime utimensat utimes vfork vmsplice wait4 waitid waitpid write writev
`
  .trim()
  .split(/\s+/);

/** What building an image takes beside that, in a user namespace of its own: mounts, and the filter each RUN step gets on top. */
const ALLOWED_TO_BUILDS = `
fsconfig fsmount fsopen fspick mount mount_setattr move_mount open_tree pivot_root seccomp setdomainname sethostname umount2
`
  .trim()
  .split(/\s+/);

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const AF_NETLINK = 16;
const NETLINK_ROUTE = 0;
/** Unspecified, ICMP, TCP, UDP, ICMPv6 (IANA numbers); SCTP, DCCP, L2TP and the like are the kernel's less tried code. */
const INTERNET_PROTOCOLS = [0, 1, 6, 17, 58];
/** CLONE_NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWUSER | NEWPID | NEWNET. */
const NEW_NAMESPACE_FLAGS = 0x7e020000;
const CLONE_NEWUSER = 0x10000000;
const ENOSYS = 38;
const EPROTONOSUPPORT = 93;
const SCMP_CMP_NE = 1;
const SCMP_CMP_EQ = 4;
const SCMP_CMP_MASKED_EQ = 7;

const isEqual = (argument: number, value: number): Comparison => ({ argument, operator: SCMP_CMP_EQ, a: value, b: 0 });

const isOther = (argument: number, value: number): Comparison => ({
  argument,
  operator: SCMP_CMP_NE,
  a: value,
  b: 0,
});

interface Comparison {
  readonly argument: number;
  readonly operator: number;
  readonly a: number;
  readonly b: number;
}

const isWithout = (argument: number, bits: number): Comparison => ({
  argument,
  operator: SCMP_CMP_MASKED_EQ,
  a: bits,
  b: 0,
});

/** A call allowed with these arguments alone. */
type Rule = readonly [string, readonly Comparison[]];

/** Each row is an alternative. */
const ALLOWED_WITH: readonly Rule[] = [
  ["socket", [isEqual(0, AF_UNIX)]],
  ...[AF_INET, AF_INET6].flatMap((family) =>
    INTERNET_PROTOCOLS.map((protocol) => ["socket", [isEqual(0, family), isEqual(2, protocol)]] as const),
  ),
  ["socket", [isEqual(0, AF_NETLINK), isEqual(2, NETLINK_ROUTE)]],
  ["socketpair", [isEqual(0, AF_UNIX)]],
];

export type SeccompProfile = "sandbox" | "build";

/** As a kernel that has only routes would answer: `useradd`, which reports to the audit, goes on without it for this error alone. */
const NO_OTHER_NETLINK: Rule = ["socket", [isEqual(0, AF_NETLINK), isOther(2, NETLINK_ROUTE)]];

/** Nobody gets a user namespace, in which all that is refused here could be asked for again. */
const RULES: Readonly<Record<SeccompProfile, readonly Rule[]>> = {
  sandbox: [
    ...ALLOWED.map((name): Rule => [name, []]),
    ...ALLOWED_WITH,
    ["clone", [isWithout(0, NEW_NAMESPACE_FLAGS)]],
  ],
  build: [
    ...[...ALLOWED, ...ALLOWED_TO_BUILDS].map((name): Rule => [name, []]),
    ...ALLOWED_WITH,
    ["clone", [isWithout(0, CLONE_NEWUSER)]],
    ["unshare", [isWithout(0, CLONE_NEWUSER)]],
  ],
};

/**
 * The filter as a BPF program in base64, made once per engine: the OCI runtime would need 10 ms for it at every start.
 * `scratchFile` is written and removed.
 */
export function compileSeccompFilter(scratchFile: string, profile: SeccompProfile): string {
  const { symbols: seccomp } = openLibrary();
  const context = seccomp.seccomp_init(SCMP_ACT_ERRNO | ENOSYS);
  if (context === null) throw new AppError("HOST_UNSUITABLE", "Cannot make the system call filter: libseccomp refused");
  try {
    seccomp.seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, BINARY_TREE);
    const add = (action: number, [name, comparisons]: Rule): void => {
      const number = seccomp.seccomp_syscall_resolve_name(Buffer.from(`${name}\0`));
      if (number === UNKNOWN_SYSCALL) return;
      const { length } = comparisons;
      const added = seccomp.seccomp_rule_add_array(context, action, number, length, encode(comparisons));
      if (added !== 0)
        throw new AppError("HOST_UNSUITABLE", `Cannot filter system call "${name}": libseccomp says ${added}`);
    };
    for (const rule of RULES[profile]) add(SCMP_ACT_ALLOW, rule);
    add(SCMP_ACT_ERRNO | EPROTONOSUPPORT, NO_OTHER_NETLINK);
    const file = openSync(scratchFile, "w", 0o600);
    const result = seccomp.seccomp_export_bpf(context, file);
    closeSync(file);
    if (result !== 0)
      throw new AppError("HOST_UNSUITABLE", `Cannot make the system call filter: libseccomp says ${result}`);
    return readFileSync(scratchFile, "base64");
  } finally {
    seccomp.seccomp_release(context);
    rmSync(scratchFile, { force: true });
  }
}

/* Source: seccomp.h of libseccomp 2.5. */
const SCMP_ACT_ALLOW = 0x7fff0000;
const SCMP_ACT_ERRNO = 0x00050000;
const SCMP_FLTATR_CTL_OPTIMIZE = 8;
const BINARY_TREE = 2;
const UNKNOWN_SYSCALL = -1;
const COMPARISON_BYTES = 24;

const openLibrary = () =>
  dlopen("libseccomp.so.2", {
    seccomp_init: { args: [FFIType.u32], returns: FFIType.ptr },
    seccomp_release: { args: [FFIType.ptr], returns: FFIType.void },
    seccomp_attr_set: { args: [FFIType.ptr, FFIType.i32, FFIType.u32], returns: FFIType.i32 },
    seccomp_syscall_resolve_name: { args: [FFIType.ptr], returns: FFIType.i32 },
    seccomp_rule_add_array: {
      args: [FFIType.ptr, FFIType.u32, FFIType.i32, FFIType.u32, FFIType.ptr],
      returns: FFIType.i32,
    },
    seccomp_export_bpf: { args: [FFIType.ptr, FFIType.i32], returns: FFIType.i32 },
  });

/** `struct scmp_arg_cmp[]`: u32 argument, u32 operator, u64 a, u64 b. */
function encode(comparisons: readonly Comparison[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(Math.max(1, comparisons.length) * COMPARISON_BYTES));
  for (const [index, comparison] of comparisons.entries()) {
    const offset = index * COMPARISON_BYTES;
    view.setUint32(offset, comparison.argument, true);
    view.setUint32(offset + 4, comparison.operator, true);
    view.setBigUint64(offset + 8, BigInt(comparison.a), true);
    view.setBigUint64(offset + 16, BigInt(comparison.b), true);
  }
  return new Uint8Array(view.buffer);
}
