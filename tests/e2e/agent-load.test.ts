import { expect, test } from "bun:test";
import { rawRequest } from "../support/raw-request.ts";
import { useDormouse } from "../support/suite.ts";

/* What machine-written code does to the API inside its sandbox. */
const suite = useDormouse({ DORMOUSE_IDLE_MS: "60000" });
const AGENT_MEMORY = "awk '/VmRSS/ {print $2}' /proc/$(pgrep -xo sandbox-api)/status";

test("R-18 100 processes at once, each with its own output to the last line", async () => {
  const { api } = suite;
  await api.create("many");
  const numbers = Array.from({ length: 100 }, (_, at) => at);
  const outputs = await Promise.all(
    numbers.map((number) => api.run("many", `for i in 1 2 3; do echo ${number}-$i; sleep 0.05; done`)),
  );
  expect(outputs).toEqual(numbers.map((number) => `${number}-1\n${number}-2\n${number}-3\n`));
  await api.remove("many");
});

test("R-29 bursts of 10,000 lines on both streams reach two followers, each line once", async () => {
  const { api } = suite;
  await api.create("bursts");
  const command = "sleep 0.2; seq 10000; seq -f 'e%.0f' 10000 >&2";
  await api.process("bursts", { command, name: "burst" });
  const streams = [0, 1].map(() => api.text("bursts", "/process/burst/logs/stream"));
  for (const text of await Promise.all(streams)) {
    const lines = text.trimEnd().split("\n");
    const stdout = lines.filter((line) => line.startsWith("stdout:")).map((line) => line.slice(7));
    const stderr = lines.filter((line) => line.startsWith("stderr:")).map((line) => line.slice(7));
    expect(stdout).toEqual(Array.from({ length: 10_000 }, (_, at) => String(at + 1)));
    expect(stderr).toEqual(Array.from({ length: 10_000 }, (_, at) => `e${at + 1}`));
  }
  await api.remove("bursts");
});

test("R-01 1 GB of output costs bounded memory and disk, and its end is kept", async () => {
  const { api } = suite;
  await api.create("flood");
  const before = Number(await api.run("flood", AGENT_MEMORY));
  const command = "head -c 1000000000 /dev/zero | tr '\\0' x; echo; echo END";
  const { pid } = await api.process("flood", { command, name: "flood", waitForCompletion: true });
  const { stdout } = JSON.parse(await api.text("flood", `/process/${pid}/logs`)) as { stdout: string };
  expect(stdout).toEndWith("x\nEND\n");
  const grownKiB = Number(await api.run("flood", AGENT_MEMORY)) - before;
  expect(grownKiB).toBeLessThan(64 * 1024);
  expect(Number(await api.run("flood", "du -sk /var/log/sandbox-api | cut -f1"))).toBeLessThan(64 * 1024);
  await api.remove("flood");
});

test("R-01 when memory runs out the workload goes first, and the API answers", async () => {
  const { api } = suite;
  await api.create("hog", { runtime: { memory: 512 } });
  const hog = { command: "exec node -e 'const kept = []; for (;;) kept.push(Buffer.alloc(1 << 20, 1))'", name: "hog" };
  const ended = await api.process("hog", { ...hog, waitForCompletion: true, timeout: 60 });
  expect(ended).toMatchObject({ status: "failed", exitCode: -1 });
  expect(await api.run("hog", "echo alive")).toBe("alive\n");
  await api.remove("hog");
});

test("D-21 what daemonises twice is nobody's zombie", async () => {
  const { api } = suite;
  await api.create("daemon");
  await api.run("daemon", "for i in $(seq 20); do setsid sh -c 'sleep 0.05 & exit' & done; wait");
  await Bun.sleep(300);
  expect(await api.run("daemon", "ps -eo stat= | grep -c ^Z || true")).toBe("0\n");
  await api.remove("daemon");
});

test("a full disk is said, leaves nothing half-written and is over when there is room", async () => {
  const { api } = suite;
  await api.create("full");
  const body = JSON.stringify({ content: "x".repeat(2 * 1024 * 1024) });
  const refused = await api.fetch("full", "/filesystem/%2Fdev%2Flarge", { method: "PUT", body });
  expect(refused.status).toBe(422);
  expect(await refused.text()).toContain("no space left on device");
  const form = new FormData();
  form.append("file", new Blob(["x".repeat(2 * 1024 * 1024)]), "large");
  const upload = await api.fetch("full", "/filesystem//dev/upload", { method: "PUT", body: form });
  expect(upload.status).toBe(422);
  expect(await api.run("full", "ls -A /dev | grep -c -e large -e upload || true")).toBe("0\n");
  await api.write("full", "/dev/small", "fits");
  await api.remove("full");
});

test("an upload that breaks off leaves no file", async () => {
  const { api } = suite;
  await api.create("broken");
  {
    using request = rawRequest(api, "broken", "/filesystem//root/half.bin", {
      method: "PUT",
      headers: { "Content-Type": "multipart/form-data; boundary=b", "Content-Length": "1000000" },
      body: '--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nonly the beginning',
    });
    await Bun.sleep(100);
    request.socket.resetAndDestroy();
  }
  const gone = "while ls -A /root | grep -q half; do sleep 0.02; done; echo gone";
  expect(await api.run("broken", gone)).toBe("gone\n");
  await api.remove("broken");
});
