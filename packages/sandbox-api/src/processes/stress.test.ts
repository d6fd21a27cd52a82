import { expect, test } from "bun:test";
import type { ExecStreamEvent, ProcessResponse } from "@dormouse/schema";
import { heapStats } from "bun:jsc";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { openSocket, startTestAgent, type TestAgent, until } from "../testing/agent.ts";
import { startAgentProcess } from "./testing/agent-process.ts";

const MIB = 1024 * 1024;
const TIMEOUT_MS = 20_000;

const get = async (agent: TestAgent, id: string) =>
  (await (await agent.request(`/process/${id}`)).json()) as ProcessResponse;
const linesOf = async (agent: TestAgent, id: string) =>
  (await (await agent.request(`/process/${id}/logs/stream`)).text())
    .split("\n")
    .filter((line) => line !== "" && line !== "[keepalive]");
const numbered = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${prefix}${index + 1}`);

test(
  "a hundred processes at once have each its own output and exit code",
  async () => {
    await using agent = startTestAgent();
    const run = (index: number) =>
      agent.exec({ command: `seq ${index} ${index + 99}; echo ${index} >&2; exit ${index}`, waitForCompletion: true });
    const all = await Promise.all(Array.from({ length: 100 }, (_, index) => run(index)));
    for (const [index, done] of all.entries()) {
      expect(done.exitCode).toBe(index);
      expect(done.stdout).toBe(`${Array.from({ length: 100 }, (_, line) => line + index).join("\n")}\n`);
      expect(done.stderr).toBe(`${index}\n`);
    }
  },
  TIMEOUT_MS,
);

const BURST = "for n in 1 2 3 4 5; do seq -f o$n-%g 1 2000; seq -f e$n-%g 1 2000 >&2; sleep 0.02; done";
const burst = (prefix: string, letter: string) =>
  [1, 2, 3, 4, 5].flatMap((round) => numbered(`${prefix}${letter}${round}-`, 2000));

test(
  "bursts of ten thousand lines on both streams reach log streams exactly once and in order",
  async () => {
    await using agent = startTestAgent();
    const { pid } = await agent.exec({ command: BURST });
    const followers = [linesOf(agent, pid), Bun.sleep(30).then(() => linesOf(agent, pid))];
    for (const lines of [...(await Promise.all(followers)), await linesOf(agent, pid)]) {
      expect(lines.filter((line) => line.startsWith("stdout:"))).toEqual(burst("stdout:", "o"));
      expect(lines.filter((line) => line.startsWith("stderr:"))).toEqual(burst("stderr:", "e"));
      expect(lines).toHaveLength(20_000);
    }
  },
  TIMEOUT_MS,
);

test(
  "bursts of ten thousand lines on both streams reach a streaming exec exactly once and in order",
  async () => {
    await using agent = startTestAgent();
    const headers = { Accept: "text/event-stream" };
    const body = JSON.stringify({ command: BURST });
    const text = await (await agent.request("/process", { method: "POST", headers, body })).text();
    const events = text
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as ExecStreamEvent);
    const dataOf = (type: string) =>
      events.map((event) => (event.type === type && "data" in event ? event.data : "")).join("");
    expect(dataOf("stdout")).toBe(`${burst("", "o").join("\n")}\n`);
    expect(dataOf("stderr")).toBe(`${burst("", "e").join("\n")}\n`);
  },
  TIMEOUT_MS,
);

test(
  "a gigabyte of output takes little disk, and a follower sees no line that was not written",
  async () => {
    await using agent = startTestAgent({ SANDBOX_MAX_LOG_FILE_BYTES: String(8 * MIB) });
    const path = `${agent.api.logDirectory}/1.stdout.log`;
    // 10 bytes a line.
    const { pid } = await agent.exec({ command: "seq 100000001 200000001" });
    let maxDiskBytes = 0;
    const sampler = setInterval(() => {
      maxDiskBytes = Math.max(maxDiskBytes, statSync(path).blocks * 512);
    }, 20);
    const { lastNumber, gapCount } = await followNumbers(agent, pid);
    clearInterval(sampler);
    expect(statSync(path).size).toBe(1_000_000_010);
    expect((await get(agent, pid)).stdout).toEndWith("\n200000000\n200000001\n");
    expect(lastNumber).toBe(200_000_001);
    expect(gapCount).toBeGreaterThan(0);
    expect(maxDiskBytes).toBeLessThan(128 * MIB);
  },
  TIMEOUT_MS,
);

test("group kill leaves nothing of a tree, and a daemon that left the group stays", async () => {
  await using agent = startTestAgent();
  const command = `for n in 1 2 3; do sh -c 'sleep 300 & sh -c "sleep 300 & sleep 300"' & done
    (setsid sh -c 'echo $$ > daemon; exec sleep 300' > daemon.log 2>&1 &) ; echo started; wait`;
  const { pid } = await agent.exec({ command });
  // A shell makes the file first and writes it afterwards: only a whole line names the daemon.
  const daemonLine = () => (existsSync(`${agent.folder}/daemon`) ? readFileSync(`${agent.folder}/daemon`, "utf8") : "");
  await until(() => daemonLine().endsWith("\n") && membersOf(Number(pid)).length >= 10);
  const daemon = Number(daemonLine());
  await agent.request(`/process/${pid}/kill`, { method: "DELETE" });
  await until(() => membersOf(Number(pid)).length === 0);
  expect(membersOf(daemon)).toEqual([daemon]);
  process.kill(daemon, "SIGKILL");
});

test(
  "clients that vanish in the middle of a stream leave no descriptor, timer or generator behind",
  async () => {
    await using agent = startTestAgent();
    const { pid } = await agent.exec({ command: "while :; do echo tick; sleep 0.01; done" });
    const quiet = await agent.exec({ command: "sleep 60" });
    const vanish = async (id: string) => {
      const socket = await openSocket(agent.api.port);
      const seen = Promise.withResolvers<void>();
      socket.on("data", () => seen.resolve());
      socket.write(`GET /process/${id}/logs/stream HTTP/1.1\r\nHost: a\r\n\r\n`);
      await seen.promise;
      socket.destroy();
    };
    const round = async () => {
      await Promise.all(Array.from({ length: 20 }, (_, index) => vanish(index % 2 === 0 ? pid : quiet.pid)));
    };
    const held = () => {
      Bun.gc(true);
      const { AsyncGenerator = 0, Timeout = 0, AbortController = 0 } = heapStats().objectTypeCounts;
      return { objects: AsyncGenerator + Timeout + AbortController, descriptors: readdirSync("/proc/self/fd").length };
    };
    await round();
    await until(() => held().objects < 30);
    const before = held();
    for (let count = 0; count < 10; count += 1) await round();
    await until(() => held().objects <= before.objects + 10 && held().descriptors <= before.descriptors + 2);
  },
  TIMEOUT_MS,
);

test(
  "an agent that was frozen together with its processes goes on: no burst of keepalives, no early kill",
  async () => {
    await using agent = await startAgentProcess();
    const command = "echo begun; while [ ! -e go ]; do sleep 0.01; done; echo done";
    const { pid } = await agent.exec({ command, name: "followed" });
    await agent.exec({ command: "sleep 60", name: "limited", keepAlive: true, timeout: 4 });
    const streamed = agent.request(`/process/${pid}/logs/stream`).then((response) => response.text());
    await until(async () => (await agent.get(pid)).stdout === "begun\n");
    const groups = [agent.pid, Number(pid), Number((await agent.get("limited")).pid)];
    const frozenAtMs = performance.now();
    for (const group of groups) process.kill(group, "SIGSTOP");
    await Bun.sleep(3000);
    for (const group of groups) process.kill(group, "SIGCONT");
    expect(await agent.get("limited")).toMatchObject({ status: "running" });
    await Bun.write(`${agent.folder}/go`, "");
    expect((await streamed).replaceAll("[keepalive]\n", "")).toBe("stdout:begun\nstdout:done\n");
    expect((await streamed).split("[keepalive]").length).toBeLessThanOrEqual(2);
    await until(async () => (await agent.get("limited")).status === "killed");
    expect(performance.now() - frozenAtMs).toBeGreaterThan(3500);
  },
  TIMEOUT_MS,
);

const GAP = "[... truncated ...]";

/** Reads a log stream of numbers and checks that each is the next one, but around a gap, which may cut one on either side. */
async function followNumbers(agent: TestAgent, id: string): Promise<{ lastNumber: number; gapCount: number }> {
  const response = await agent.request(`/process/${id}/logs/stream`);
  const decoder = new TextDecoder();
  let [rest, last, cut, gapCount, linesSinceGap] = ["", 100_000_000, "", 0, 2];
  for await (const chunk of response.body ?? []) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "[keepalive]") continue;
      const text = line.slice("stdout:".length);
      const isGap = line === GAP;
      const isNext = linesSinceGap < 2 || text === String(last + 1);
      if (!isGap && cut !== "") throw new Error(`"${cut}" came after ${last}`);
      cut = isGap || isNext ? "" : text;
      if (!String(last + 1).startsWith(cut)) throw new Error(`"${cut}" came after ${last}`);
      if (!isGap && text.length === 9) last = Number(text);
      linesSinceGap = isGap ? 0 : linesSinceGap + 1;
      gapCount += isGap ? 1 : 0;
    }
  }
  return { lastNumber: last, gapCount };
}

/** Pids of the group, without zombies: reaping them is the business of whatever is pid 1 here. */
function membersOf(groupId: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
        const [state, , group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
        return state !== "Z" && Number(group) === groupId;
      } catch {
        return false;
      }
    });
}
