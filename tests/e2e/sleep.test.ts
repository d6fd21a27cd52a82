import { expect, test } from "bun:test";
import { WebSocket } from "ws";
import { appServer } from "../support/app-server.ts";
import { useDormouse } from "../support/suite.ts";

const IDLE_MS = 300;
const suite = useDormouse({ DORMOUSE_IDLE_MS: String(IDLE_MS) });

/** Longer than several idle times: a sandbox that nothing holds is asleep long before. */
const MUCH_LONGER_MS = IDLE_MS * 5;

test("F002 F003 F053 a sandbox goes to STANDBY by itself when its last request is over, and stays a deployed sandbox", async () => {
  const { api } = suite;
  await api.create("idle");
  await api.run("idle", "true");
  await api.untilState("idle", "STANDBY");
  const asleep = await api.get("idle");
  expect(asleep).toMatchObject({ status: "DEPLOYED", state: "STANDBY" });
  await Bun.sleep(MUCH_LONGER_MS);
  expect(await api.get("idle")).toMatchObject({
    status: "DEPLOYED",
    state: "STANDBY",
    lastUsedAt: asleep.lastUsedAt ?? "",
  });
  await api.remove("idle");
});

test("a sandbox that no request ever reached goes to sleep too", async () => {
  await suite.api.create("unused");
  await suite.api.untilState("unused", "STANDBY");
  await suite.api.remove("unused");
});

test("F004 F005 the next request wakes it: processes, memory, open files and files are as they were", async () => {
  const { api } = suite;
  await api.create("memory");
  await appServer(api, "memory", 3000);
  await api.process("memory", {
    name: "holder",
    command: "exec 3> /root/open; echo begun >&3; sleep 1000; true",
    env: { MARK: "kept" },
  });
  await api.run("memory", "echo volatile > /dev/shm/file");
  const count = (): Promise<string> => api.text("memory", "/port/3000/count");
  expect([await count(), await count()]).toEqual(["1", "2"]);
  const pid = await api.run("memory", "pgrep -f app-server");
  for (const expected of ["3", "4"]) {
    await api.untilState("memory", "STANDBY");
    expect(await count()).toBe(expected);
    expect((await api.get("memory")).state).toBe("RUNNING");
  }
  await api.untilState("memory", "STANDBY");
  expect(await api.run("memory", "pgrep -f app-server")).toBe(pid);
  expect(await api.run("memory", "cat /dev/shm/file /root/open; readlink /proc/$(pgrep -of 'sleep 1000')/fd/3")).toBe(
    "volatile\nbegun\n/root/open\n",
  );
  await api.remove("memory");
});

test("its clock is right after a sleep", async () => {
  const { api } = suite;
  await api.create("clock");
  await api.untilState("clock", "STANDBY");
  await Bun.sleep(1000);
  const insideMs = Number(await api.run("clock", "date +%s%3N"));
  expect(Math.abs(insideMs - Date.now())).toBeLessThan(500);
  await api.remove("clock");
});

test("many first requests at once are one wake: every one is held and answered", async () => {
  const { api } = suite;
  await api.create("crowd");
  await appServer(api, "crowd", 3000);
  for (let round = 0; round < 3; round++) {
    await api.untilState("crowd", "STANDBY");
    const answers = await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const answer = await api.fetch("crowd", index % 2 === 0 ? "/port/3000/hello" : "/health");
        return `${answer.status} ${(await answer.text()).length > 0}`;
      }),
    );
    expect(new Set(answers)).toEqual(new Set(["200 true"]));
  }
  await api.remove("crowd");
});

test("F014 an open stream holds it awake; when it closes, the sandbox sleeps", async () => {
  const { api } = suite;
  await api.create("stream");
  await appServer(api, "stream", 3000);
  const closing = new AbortController();
  const stream = await api.fetch("stream", "/port/3000/silent-stream", { signal: closing.signal });
  const reader = stream.body?.getReader();
  expect(new TextDecoder().decode((await reader?.read())?.value)).toBe("open\n");
  await Bun.sleep(MUCH_LONGER_MS);
  expect((await api.get("stream")).state).toBe("RUNNING");
  closing.abort();
  await api.untilState("stream", "STANDBY");
  await api.remove("stream");
});

test("F014 an open WebSocket holds it awake; when it closes, the sandbox sleeps", async () => {
  const { api } = suite;
  await api.create("socket");
  await appServer(api, "socket", 3000);
  const url = `${api.sandboxUrl("socket").replace("http", "ws")}/port/3000/echo`;
  const socket = new WebSocket(url, { headers: { authorization: `Bearer ${api.key}` } });
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  await Bun.sleep(MUCH_LONGER_MS);
  expect((await api.get("socket")).state).toBe("RUNNING");
  const echo = new Promise((resolve) => socket.once("message", (data) => resolve((data as Buffer).toString())));
  socket.send("still here");
  expect(await echo).toBe("still here");
  socket.close();
  await api.untilState("socket", "STANDBY");
  await api.remove("socket");
});

test("F014 a keepAlive process holds it awake without any request; when it ends, the sandbox sleeps", async () => {
  const { api } = suite;
  await api.create("alive");
  await api.process("alive", { name: "worker", command: "sleep 1000", keepAlive: true, timeout: 0 });
  await Bun.sleep(MUCH_LONGER_MS);
  expect((await api.get("alive")).state).toBe("RUNNING");
  await api.text("alive", "/process/worker/kill", { method: "DELETE" });
  await api.untilState("alive", "STANDBY");
  await api.remove("alive");
});

test("a command that runs longer than the idle time is finished, not frozen", async () => {
  const { api } = suite;
  await api.create("slow");
  expect(await api.run("slow", "sleep 1; echo done")).toBe("done\n");
  await api.remove("slow");
});

test("a sleeping sandbox is deleted without being woken, and its name is free at once", async () => {
  const { api } = suite;
  await api.create("sleeper");
  await api.run("sleeper", "touch /root/mark");
  await api.untilState("sleeper", "STANDBY");
  await api.remove("sleeper");
  expect(suite.sandboxFolders()).toEqual([]);
  await api.create("sleeper");
  await api.run("sleeper", "test ! -e /root/mark");
  await api.remove("sleeper");
});

test("requests that arrive just as it falls asleep are answered, over and over", async () => {
  const { api } = suite;
  await api.create("edge");
  for (let round = 0; round < 12; round++) {
    await Bun.sleep(IDLE_MS - 12 + round * 2);
    expect(await api.run("edge", `echo ${round}`)).toBe(`${round}\n`);
  }
  await api.remove("edge");
});
