import { beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { useDormouse } from "../support/suite.ts";
import { attempt, plant } from "./attacker.ts";

const suite = useDormouse();
/** What `programs/syscalls.c` printed: group, name, outcome. */
let lines: readonly (readonly string[])[] = [];

beforeAll(async () => {
  const { api, dormouse } = suite;
  await api.create("attacker");
  const program = await plant(api, "attacker", "syscalls");
  const output = await api.run(
    "attacker",
    `${program} ${dormouse.pids.engine()} ${join(dormouse.dataDir, "admin-key")}`,
  );
  lines = output
    .trim()
    .split("\n")
    .map((line) => line.split(" "));
});

const outcomesOf = (group: string): Readonly<Record<string, string>> =>
  Object.fromEntries(lines.filter(([of]) => of === group).map(([, name, outcome]) => [name, outcome]));

test("F001 calls for mounts, namespaces, modules, tracing, keys, clocks and new interfaces of the kernel are not there", () => {
  const outcomes = outcomesOf("forbidden");
  expect(Object.keys(outcomes)).toHaveLength(60);
  expect(new Set(Object.values(outcomes))).toEqual(new Set(["ENOSYS"]));
});

test("no kind of new namespace is given, by clone neither", () => {
  const outcomes = outcomesOf("namespace");
  expect(Object.keys(outcomes)).toHaveLength(7);
  expect(new Set(Object.values(outcomes))).toEqual(new Set(["ENOSYS"]));
});

test("the other tables of system calls end whoever enters them", () => {
  expect(outcomesOf("entry")).toEqual({ int80: "SYS", x32: "SYS" });
});

test("the kernel is asked for ordinary sockets only: its rarer families and protocols are out of reach", () => {
  const asked = lines.filter(([group]) => group === "asked").map(([, call, kind]) => `${call} ${kind}`);
  const [INET, INET6, NETLINK] = [2, 10, 16];
  const internet = [INET, INET6].flatMap((family) =>
    [0, 1, 6, 17, 58].map((protocol) => `socket ${family}:${protocol}`),
  );
  expect(asked).toEqual([...internet, `socket ${NETLINK}:0`]);
});

test("processes outside can be neither traced, read, signalled, held nor limited", () => {
  const outcomes = outcomesOf("outside");
  expect(Object.keys(outcomes)).toHaveLength(5);
  expect(new Set(Object.values(outcomes))).toEqual(new Set(["ESRCH"]));
});

test("root has no right that reaches past the sandbox", () => {
  expect(outcomesOf("rights")).toEqual({
    "setresuid-outside": "EINVAL",
    "chown-outside": "EINVAL",
    adjtimex: "EPERM",
    "real-time": "EPERM",
    priority: "EACCES",
    "more-files": "EPERM",
    "mknod-disk": "EPERM",
    "mknod-memory": "EPERM",
    promiscuous: "EPERM",
    "any-source": "EPERM",
    "raw-packets": "EPERM",
    "overwrite-init": "EROFS",
    "overwrite-agent": "EROFS",
    "leave-root": "ENOENT",
  });
});

test("programs that the host's kernel would run, and its control groups, cannot be set", async () => {
  const attempts = [
    "echo '|/root/run-me' > /proc/sys/kernel/core_pattern",
    "echo /root/run-me > /proc/sys/kernel/modprobe",
    "echo 1 > /proc/sys/vm/drop_caches",
    "echo 0 > /proc/sys/kernel/randomize_va_space",
    "echo 1 > /proc/sys/net/ipv4/ip_forward",
    "echo '0 0 4294967295' > /proc/self/uid_map",
    "echo allow > /proc/self/setgroups",
    "ls /sys/fs/cgroup/*",
    "ls /sys/kernel/*",
    "head -c 1 /proc/1/root/proc/kcore | grep -q .",
    "test -e /dev/mem -o -e /dev/kmsg -o -e /dev/fuse -o -e /dev/kvm -o -e /dev/loop0 -o -e /dev/net/tun",
    "chown root /dev/null",
    "chmod 777 /dev/zero",
    "ip link add vetha type veth peer name vethb",
    "ip neigh replace 10.0.0.1 lladdr 02:00:00:00:00:01 dev eth0",
    "ip route add 169.254.169.254/32 dev eth0",
  ];
  for (const command of attempts) {
    const outcome = await attempt(suite.api, "attacker", `(${command}) > /dev/null 2>&1 && echo done`);
    expect([command, outcome]).toEqual([command, ""]);
  }
});
