import { beforeAll, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { eventually } from "../support/eventually.ts";
import { useDormouse } from "../support/suite.ts";
import { attempt, hold, python } from "./attacker.ts";

/*
 * One sandbox uses up what it can; its neighbour and the host must not miss any of it. A fork bomb and plain memory are tried in
 * `packages/engine/src/isolation.test.ts`, output without end in `tests/e2e/agent-load.test.ts`, a full volume in
 * `packages/engine/src/volumes`, connections to the outside in `network.test.ts`.
 */

const suite = useDormouse({ DORMOUSE_IDLE_MS: "500" });

beforeAll(async () => {
  await suite.api.create("neighbour");
});

/** A fresh attacker, deleted afterwards: what it holds is gone then. */
async function withAttacker(use: (name: string) => Promise<void>): Promise<void> {
  await suite.api.create("attacker");
  try {
    await use("attacker");
  } finally {
    await suite.api.remove("attacker");
  }
}

const COUNT = `
import ctypes, errno, os, signal, socket
libc = ctypes.CDLL(None, use_errno=True)
held = []
def count(what, at_most):
    for number in range(at_most):
        try: held.append(what())
        except OSError as error: return f"{number} {errno.errorcode[error.errno]}"
    return str(at_most)
def inotify():
    descriptor = libc.inotify_init()
    if descriptor < 0: raise OSError(ctypes.get_errno(), "")
    return descriptor
def terminal(): return os.open("/dev/ptmx", os.O_RDWR)
def null(): return os.open("/dev/null", os.O_RDONLY)
def in_children(children, work):
    for child in range(children):
        if os.fork() == 0:
            work()
            signal.pause()
`;

test("F001 inotify instances and terminals, which the kernel counts for all sandboxes together", async () => {
  const { api } = suite;
  await withAttacker(async (attacker) => {
    const report = `${COUNT}report(count(inotify, 4000), count(terminal, 4000))`;
    expect(await hold(api, attacker, report)).toBe("4000 256 ENOSPC");
    expect(await python(api, "neighbour", `${COUNT}print(count(inotify, 100), count(terminal, 100))`)).toBe(
      "100 100\n",
    );
  });
});

test("F001 descriptors on their way through sockets, signals that wait and pipes, which the kernel counts by user", async () => {
  const { api } = suite;
  await withAttacker(async (attacker) => {
    const use = `${COUNT}
import fcntl, resource
def on_their_way():
    ends = socket.socketpair()
    socket.send_fds(ends[0], [b"x"], [0] * 250)
    return ends
def large_pipe():
    ends = os.pipe()
    fcntl.fcntl(ends[0], fcntl.F_SETPIPE_SZ, 1 << 20)
    return ends
most = resource.getrlimit(resource.RLIMIT_SIGPENDING)[1]
resource.setrlimit(resource.RLIMIT_SIGPENDING, (most, most))
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGRTMIN])
def waiting_signal():
    if libc.sigqueue(os.getpid(), signal.SIGRTMIN, None) < 0: raise OSError(ctypes.get_errno(), "")
def all_of_it(pairs, signals, pipes):
    return count(on_their_way, pairs), count(waiting_signal, signals), count(large_pipe, pipes)`;
    const held = await hold(api, attacker, `${use}\nreport(*all_of_it(1000, most + 1, 1000))`);
    expect(held).toMatch(/^\d+ ETOOMANYREFS \d+ EAGAIN \d+ EPERM$/);
    expect(await python(api, "neighbour", `${use}\nprint(*all_of_it(4, 100, 4))`)).toBe("4 100 4\n");
  });
});

test("F001 threads, as many as nine may have: more than the process ids many hosts begin with", async () => {
  const { api } = suite;
  const attackers = Array.from({ length: 9 }, (_, index) => `crowd-${index}`);
  const crowd = `
import threading
threading.stack_size(32768)
forever = threading.Event()
started = 0
try:
    while True:
        threading.Thread(target=forever.wait, daemon=True).start()
        started += 1
except RuntimeError: report(started)`;
  try {
    for (const name of attackers) {
      await api.create(name);
      expect(Number(await hold(api, name, crowd))).toBeGreaterThan(4000);
    }
    expect(await attempt(api, "neighbour", "echo fine")).toBe("fine");
  } finally {
    for (const name of attackers) await api.remove(name);
  }
});

test("open files, hundreds of thousands", async () => {
  const { api } = suite;
  await withAttacker(async (attacker) => {
    const report = `${COUNT}in_children(20, lambda: count(null, 19000)); report("opening")`;
    expect(await hold(api, attacker, report)).toBe("opening");
    expect(await python(api, "neighbour", `${COUNT}print(count(null, 1000))`)).toBe("1000\n");
    expect((await api.list()).toSorted()).toEqual(["attacker", "neighbour"]);
  });
});

test("buffers of sockets stay its own: the host's share for all connections is not used up", async () => {
  const { api } = suite;
  await withAttacker(async (attacker) => {
    const stuff = `${COUNT}
server = socket.create_server(("127.0.0.1", 0))
def stuffed():
    ends = socket.create_connection(server.getsockname()), server.accept()[0]
    for end in ends:
        end.setblocking(False)
        try:
            while True: end.send(b"x" * 65536)
        except BlockingIOError: pass
    return ends
report(count(stuffed, 300))`;
    // On a pure v2 host they are memory like any other, and the kernel ends who takes too much of it.
    const areMemory = existsSync("/sys/fs/cgroup/cgroup.controllers");
    expect((await hold(api, attacker, stuff)) === "").toBe(areMemory);
    const [, usedPages] = /^TCP: .* mem (\d+)$/m.exec(readFileSync("/proc/net/sockstat", "utf8")) ?? [];
    const [calmPages] = readFileSync("/proc/sys/net/ipv4/tcp_mem", "utf8").split("\t");
    expect(Number(usedPages)).toBeLessThan(Number(calmPages));
    expect(await attempt(api, "neighbour", "echo fine")).toBe("fine");
  });
});

test("files in memory beyond the limit end whoever writes them; the API inside comes back, the neighbour notices nothing", async () => {
  const { api } = suite;
  await withAttacker(async (attacker) => {
    const fill = "head -c 2G /dev/zero > /dev/shm/fill";
    await api.fetch(attacker, "/process", {
      method: "POST",
      body: JSON.stringify({ command: fill, waitForCompletion: true }),
    });
    expect(await attempt(api, "neighbour", "echo fine")).toBe("fine");
    const again = await eventually(() => attempt(api, attacker, "rm -f /dev/shm/fill; echo fine"));
    expect(again).toBe("fine");
  });
});

test("thousands of listeners and of connections to itself: its API, its previews and its neighbour answer", async () => {
  const { api } = suite;
  await withAttacker(async (attacker) => {
    const open = `${COUNT}
ports = iter(range(20000, 24000))
def listener():
    server = socket.socket(); server.bind(("0.0.0.0", next(ports))); server.listen(); return server
listening = count(listener, 4000)
report(listening, count(lambda: socket.create_connection(held[0].getsockname(), 5), 100))`;
    expect(await hold(api, attacker, open)).toBe("4000 100");
    expect(await attempt(api, attacker, "echo fine")).toBe("fine");
    expect((await api.fetch(attacker, "/port/30000/")).status).toBe(502);
    expect(await attempt(api, "neighbour", "echo fine")).toBe("fine");
  });
});

test("processes that take every turn of its cores: a sleeping neighbour wakes for its request", async () => {
  const { api } = suite;
  await withAttacker(async (attacker) => {
    const hog = `${COUNT}
def spin():
    while True: pass
in_children(64, spin)
report("spinning")`;
    expect(await hold(api, attacker, hog)).toBe("spinning");
    await api.untilState("neighbour", "STANDBY");
    expect(await attempt(api, "neighbour", "echo fine")).toBe("fine");
  });
});

test("a sandbox that has used up all of this is deleted like any other", async () => {
  const { api } = suite;
  await api.create("attacker");
  const all = `${COUNT}
in_children(8, lambda: (count(inotify, 500), count(terminal, 500), count(null, 15000)))
report(1)`;
  expect(await hold(api, "attacker", all)).toBe("1");
  await api.remove("attacker");
  expect(await api.list()).toEqual(["neighbour"]);
});
