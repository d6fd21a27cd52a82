import { beforeAll, expect, test } from "bun:test";
import { connect } from "node:net";
import type { EngineSandbox } from "@dormouse/schema";
import { newSpec, OutsideHost, runInside, useEngine } from "../testkit/index.ts";
import { runCommand } from "./run-command.ts";

const suite = useEngine();
let sandbox: EngineSandbox;
let neighbour: EngineSandbox;

beforeAll(async () => {
  sandbox = await suite.port.create(newSpec({ memoryMiB: 256 }));
  neighbour = await suite.port.create(newSpec());
}, 30_000);

/** Prints `open` when a TCP connection from the sandbox succeeds, `closed` when it does not. */
const tryConnect = async (host: string, port: number): Promise<string> => {
  const { stdout } = await runInside(
    sandbox,
    `timeout 1 bash -c ': < /dev/tcp/${host}/${port}' 2> /dev/null && echo open || echo closed`,
  );
  return stdout.trim();
};

test("another sandbox cannot be reached, nor the host, by any of its addresses", async () => {
  using listener = Bun.serve({ port: 0, hostname: "0.0.0.0", fetch: () => new Response("host") });
  const gateway = sandbox.address.replace(/\.\d+\.\d+$/, ".0.1");
  expect(await tryConnect(neighbour.address, 8080)).toBe("closed");
  expect(await tryConnect(gateway, listener.port ?? 0)).toBe("closed");
  const addresses = (await runCommand(["hostname", "-I"]))
    .trim()
    .split(/\s+/)
    .filter((address) => address.includes("."));
  for (const address of addresses) expect(await tryConnect(address, listener.port ?? 0)).toBe("closed");
  expect(await tryConnect("127.0.0.1", listener.port ?? 0)).toBe("closed");
  expect(await tryConnect("127.0.0.1", 8080)).toBe("open");
});

const CLOSED_ADDRESSES = ["10.99.0.1", "172.16.0.9", "192.168.77.1", "169.254.169.254", "100.64.0.7", "168.63.129.16"];

test("public addresses are reached through NAT; private, link-local and metadata ones are not, though the host reaches them", async () => {
  await using outside = await OutsideHost.start(CLOSED_ADDRESSES);
  const seen = await runInside(sandbox, `curl -sS --max-time 5 http://${outside.address}:7000/`);
  expect(seen.stdout).toBe(`::ffff:${outside.addressOfMachine}`);
  for (const address of CLOSED_ADDRESSES) {
    expect(await canConnectFromHost(address)).toBe(true);
    expect([address, await tryConnect(address, 7000)]).toEqual([address, "closed"]);
  }
  const dns = await runInside(sandbox, `timeout 1 bash -c ': < /dev/tcp/${outside.address}/53' 2>&1`);
  expect(dns.stdout).toContain("refused");
});

const canConnectFromHost = (host: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host, port: 7000 }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });

test("only root and the server's user reach a sandbox from the host", async () => {
  const asNobody = [
    "setpriv",
    "--reuid=65534",
    "--clear-groups",
    "curl",
    "-sS",
    "--max-time",
    "2",
    `http://${sandbox.address}:8080/health`,
  ];
  await expect(runCommand(asNobody)).rejects.toThrow("Cannot run");
  expect((await fetch(`http://${sandbox.address}:8080/health`)).status).toBe(200);
});

test("system calls whose main use is attacking the kernel are not there", async () => {
  const python = `
import ctypes, errno, socket
libc = ctypes.CDLL(None, use_errno=True)
for name, number in {"bpf": 321, "io_uring_setup": 425, "userfaultfd": 323, "keyctl": 250, "perf_event_open": 298, "mount": 165, "unshare": 272, "init_module": 175, "kexec_load": 246}.items():
    libc.syscall(number, 0, 0, 0, 0, 0)
    print(name, errno.errorcode[ctypes.get_errno()])
for family in (17, 38, 40, 31):
    try:
        socket.socket(family, socket.SOCK_RAW if family == 17 else socket.SOCK_SEQPACKET)
        print("family", family, "open")
    except OSError as error:
        print("family", family, errno.errorcode[error.errno])
`;
  const { stdout, stderr } = await runInside(sandbox, `python3 - <<'END'\n${python}\nEND`);
  expect(stderr).toBe("");
  const outcomes = stdout.trim().split("\n");
  expect(outcomes).toHaveLength(13);
  for (const outcome of outcomes) expect(outcome).toEndWith("ENOSYS");
  expect((await runInside(sandbox, "unshare -U true")).exitCode).not.toBe(0);
});

test("what the kernel says about the host is masked, and nothing of it can be changed", async () => {
  const attempts = [
    "head -c 1 /proc/kcore | grep -q .",
    "echo 1 > /proc/sys/kernel/panic",
    "echo b > /proc/sysrq-trigger",
    "mount -t tmpfs none /mnt",
    "mknod /tmp/disk b 8 0",
    "chmod 000 /dev/null",
    "ip addr add 10.0.0.1/8 dev eth0",
    "echo -1000 > /proc/self/oom_score_adj",
  ];
  for (const attempt of attempts) {
    const { exitCode } = await runInside(sandbox, `${attempt} 2> /dev/null`);
    expect([attempt, exitCode === 0]).toEqual([attempt, false]);
  }
  expect((await runInside(sandbox, "ls /sys; cat /proc/1/cgroup | cut -d: -f3 | sort -u")).stdout.trim()).toBe("/");
});

test("a fork bomb ends at the process limit: the neighbour does not notice, and it can be removed", async () => {
  const bombed = await suite.port.create(newSpec({ memoryMiB: 256 }));
  const bomb = runInside(bombed, "bomb() { bomb | bomb & }; bomb; sleep 1000", AbortSignal.timeout(1000));
  await expect(bomb).rejects.toThrow();
  expect((await runInside(neighbour, "echo fine")).stdout).toBe("fine\n");
  await suite.port.remove(bombed.id);
}, 30_000);

test("memory beyond the limit ends the process that asks for it, not the sandbox's API and not the neighbour", async () => {
  const hog = await runInside(sandbox, "python3 -c 'x = bytearray(400 * 1024 * 1024); print(len(x))'");
  expect(hog.exitCode).not.toBe(0);
  expect((await runInside(sandbox, "echo alive")).stdout).toBe("alive\n");
  expect((await runInside(neighbour, "echo fine")).stdout).toBe("fine\n");
});

test("low ports and ping work for root inside without any right over the network", async () => {
  const server = 'python3 -c \'import socket; s = socket.socket(); s.bind(("0.0.0.0", 80)); print("bound")\'';
  expect((await runInside(sandbox, server)).stdout).toBe("bound\n");
});

test("users and groups can be added, as the packages of Debian's servers do", async () => {
  const added = await runInside(
    sandbox,
    "useradd --create-home builder && usermod --append --groups users builder && id builder",
  );
  expect(added).toMatchObject({ stdout: expect.stringMatching(/^uid=\d+\(builder\) .*100\(users\)\n$/), exitCode: 0 });
});
