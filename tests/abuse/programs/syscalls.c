/*
 * Makes every call that a sandbox must not have, each in a process of its own, and prints one line a call: its name, and what came
 * of it. Arguments: the process id of something outside, and a file of the host.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <net/if.h>
#include <unistd.h>

static const char *outcome(long result) {
  return result < 0 ? strerrorname_np(errno) : "done";
}

/* The call happens in a child, which a filter may kill. */
static void try_call(const char *group, const char *name, long (*call)(long), long argument) {
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    printf("%s %s %s\n", group, name, outcome(call(argument)));
    fflush(stdout);
    _exit(0);
  }
  int status;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) printf("%s %s %s\n", group, name, sigabbrev_np(WTERMSIG(status)));
}

static long bare(long number) { return syscall(number, 0, 0, 0, 0, 0, 0); }

static const struct { const char *name; long number; } forbidden[] = {
#define CALL(name) { #name, SYS_##name }
  CALL(mount), CALL(umount2), CALL(pivot_root), CALL(move_mount), CALL(open_tree), CALL(fsopen), CALL(fsconfig), CALL(fsmount),
  CALL(fspick), CALL(mount_setattr), CALL(swapon), CALL(swapoff), CALL(quotactl), CALL(quotactl_fd), CALL(nfsservctl),
  CALL(unshare), CALL(setns), CALL(clone3), CALL(open_by_handle_at), CALL(fanotify_init), CALL(fanotify_mark),
  CALL(init_module), CALL(finit_module), CALL(delete_module), CALL(create_module), CALL(kexec_load), CALL(kexec_file_load),
  CALL(bpf), CALL(perf_event_open), CALL(userfaultfd), CALL(io_uring_setup), CALL(io_uring_enter), CALL(io_uring_register),
  CALL(keyctl), CALL(add_key), CALL(request_key), CALL(syslog), CALL(reboot), CALL(acct), CALL(sethostname),
  CALL(setdomainname), CALL(settimeofday), CALL(clock_settime), CALL(iopl), CALL(ioperm), CALL(modify_ldt), CALL(personality),
  CALL(vhangup), CALL(lookup_dcookie), CALL(uselib), CALL(ustat), CALL(sysfs), CALL(_sysctl), CALL(kcmp), CALL(move_pages),
  CALL(migrate_pages), CALL(process_madvise), CALL(memfd_secret), CALL(mq_open),
};

static long new_namespace(long flag) {
  long child = syscall(SYS_clone, flag | SIGCHLD, 0, 0, 0, 0);
  if (child == 0) _exit(0);
  return child;
}

static const struct { const char *name; long flag; } namespaces[] = {
  { "mount", CLONE_NEWNS }, { "cgroup", CLONE_NEWCGROUP }, { "uts", CLONE_NEWUTS }, { "ipc", CLONE_NEWIPC },
  { "user", CLONE_NEWUSER }, { "pid", CLONE_NEWPID }, { "net", CLONE_NEWNET },
};

/* The table of 32-bit calls, where other numbers mean other things. */
static long old_entry(long number) {
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(0), "c"(0), "d"(0) : "memory");
  errno = -result;
  return result;
}

static long x32_entry(long number) { return syscall(0x40000000 + number); }

static long outside;

static long attach(long unused) { (void)unused; return ptrace(PTRACE_ATTACH, outside, 0, 0); }
static long read_memory(long unused) {
  (void)unused;
  char byte;
  struct iovec here = { &byte, 1 }, there = { (void *)0x400000, 1 };
  return process_vm_readv(outside, &here, 1, &there, 1, 0);
}
static long signal_it(long unused) { (void)unused; return kill(outside, 0); }
static long hold_it(long unused) { (void)unused; return syscall(SYS_pidfd_open, outside, 0); }
static long limit_it(long unused) { (void)unused; return prlimit(outside, RLIMIT_CPU, NULL, NULL); }

static long become(long id) { return setresuid(id, id, id); }
static long give_away(long id) {
  int file = open("/root/given-away", O_CREAT | O_WRONLY, 0600);
  return file < 0 ? -1 : fchown(file, id, id);
}
static long turn_clock(long unused) {
  (void)unused;
  struct timex change = { .modes = ADJ_SETOFFSET, .time = { 3600, 0 } };
  return adjtimex(&change);
}
static long real_time(long unused) {
  (void)unused;
  struct sched_param top = { .sched_priority = 99 };
  return sched_setscheduler(0, SCHED_FIFO, &top);
}
static long above_others(long unused) { (void)unused; return setpriority(PRIO_PROCESS, 0, -20); }
static long more_files(long unused) {
  (void)unused;
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_max += 1;
  return setrlimit(RLIMIT_NOFILE, &limit);
}
static long make_disk(long unused) { (void)unused; return mknod("/root/disk", S_IFBLK | 0600, 8 << 8); }
static long make_memory(long unused) { (void)unused; return mknod("/dev/shm/mem", S_IFCHR | 0600, (1 << 8) | 1); }
static long change_link(long unused) {
  (void)unused;
  struct ifreq link = { .ifr_name = "eth0", .ifr_flags = IFF_PROMISC | IFF_UP };
  return ioctl(socket(AF_INET, SOCK_DGRAM, 0), SIOCSIFFLAGS, &link);
}
static long any_source(long unused) {
  (void)unused;
  int yes = 1;
  return setsockopt(socket(AF_INET, SOCK_DGRAM, 0), IPPROTO_IP, IP_TRANSPARENT, &yes, sizeof yes);
}
static long raw_packets(long unused) { (void)unused; return socket(AF_INET, SOCK_RAW, IPPROTO_TCP); }
static long overwrite_init(long unused) { (void)unused; return open("/proc/1/exe", O_WRONLY | O_TRUNC); }
static long overwrite_agent(long unused) { (void)unused; return open("/usr/local/bin/sandbox-api", O_WRONLY | O_TRUNC); }

/* The way out of a root that was only changed, not pivoted. */
static long leave_root(long file) {
  mkdir("/root/hole", 0700);
  int above = open("/", O_RDONLY | O_DIRECTORY);
  if (chroot("/root/hole") != 0 || fchdir(above) != 0) return 0;
  for (int level = 0; level < 64; level++) if (chdir("..") != 0) return 0;
  if (chroot(".") != 0) return 0;
  return open((const char *)file, O_RDONLY);
}

/* Where the kernel was asked for a kind of socket, or a filter answered. For netlink the filter says EPROTONOSUPPORT whatever the
 * type; the kernel has another answer to some types. */
static int is_kernels(int family) { return errno != ENOSYS && !(family == AF_NETLINK && errno == EPROTONOSUPPORT); }

/* The kinds of socket the kernel was asked for at all; the others a filter kept from it. */
static void print_sockets(void) {
  static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET, SOCK_RDM };
  for (int family = 0; family < 64; family++)
    for (int protocol = 0; protocol < 300; protocol++) {
      int asked = 0, asked_pair = 0;
      for (unsigned at = 0; at < sizeof types / sizeof *types; at++) {
        int pair[2] = { -1, -1 }, one = socket(family, types[at], protocol);
        asked |= one >= 0 || is_kernels(family);
        asked_pair |= socketpair(family, types[at], protocol, pair) == 0 || errno != ENOSYS;
        close(one), close(pair[0]), close(pair[1]);
      }
      if (asked && family != AF_UNIX) printf("asked socket %d:%d\n", family, protocol);
      if (asked_pair && family != AF_UNIX) printf("asked socketpair %d:%d\n", family, protocol);
    }
  long wide = syscall(SYS_socket, (1L << 32) | AF_INET, SOCK_STREAM, 0);
  printf("forbidden wide-family %s\n", outcome(wide));
}

int main(int count, char **arguments) {
  if (count < 3) return 2;
  outside = atol(arguments[1]);
  for (unsigned at = 0; at < sizeof forbidden / sizeof *forbidden; at++)
    try_call("forbidden", forbidden[at].name, bare, forbidden[at].number);
  for (unsigned at = 0; at < sizeof namespaces / sizeof *namespaces; at++)
    try_call("namespace", namespaces[at].name, new_namespace, namespaces[at].flag);
  try_call("entry", "int80", old_entry, 20);
  try_call("entry", "x32", x32_entry, 39);
  try_call("outside", "ptrace", attach, 0);
  try_call("outside", "process_vm_readv", read_memory, 0);
  try_call("outside", "kill", signal_it, 0);
  try_call("outside", "pidfd_open", hold_it, 0);
  try_call("outside", "prlimit", limit_it, 0);
  try_call("rights", "setresuid-outside", become, 100000);
  try_call("rights", "chown-outside", give_away, 100000);
  try_call("rights", "adjtimex", turn_clock, 0);
  try_call("rights", "real-time", real_time, 0);
  try_call("rights", "priority", above_others, 0);
  try_call("rights", "more-files", more_files, 0);
  try_call("rights", "mknod-disk", make_disk, 0);
  try_call("rights", "mknod-memory", make_memory, 0);
  try_call("rights", "promiscuous", change_link, 0);
  try_call("rights", "any-source", any_source, 0);
  try_call("rights", "raw-packets", raw_packets, 0);
  try_call("rights", "overwrite-init", overwrite_init, 0);
  try_call("rights", "overwrite-agent", overwrite_agent, 0);
  try_call("rights", "leave-root", leave_root, (long)arguments[2]);
  print_sockets();
  return 0;
}
