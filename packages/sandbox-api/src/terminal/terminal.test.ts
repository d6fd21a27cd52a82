import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { openSocket, startTestAgent, until } from "../testing/agent.ts";
import { isAlive, openTerminal, pidsOf } from "./testing/terminal-client.ts";

test("two clients share one shell: both see all output, and both may type", async () => {
  await using agent = startTestAgent();
  using first = await openTerminal(agent.url, { shell: "sh" });
  using second = await openTerminal(agent.url, { sessionId: "default", shell: "/no/such/shell" });
  first.type("name=shared; echo by-$((1+0))\r");
  for (const client of [first, second]) await client.sees(/by-1/);
  second.type("echo $name-by-$((1+1))\r");
  for (const client of [first, second]) await client.sees(/shared-by-2/);
});

test("another session id is another shell", async () => {
  await using agent = startTestAgent();
  using first = await openTerminal(agent.url, { shell: "sh" });
  using second = await openTerminal(agent.url, { shell: "sh", sessionId: "other" });
  for (const client of [first, second]) client.type("echo pid-$$-\r");
  const [, firstPid] = await first.sees(/pid-(\d+)-/);
  const [, secondPid] = await second.sees(/pid-(\d+)-/);
  expect(firstPid).not.toBe(secondPid);
});

test("a shell goes on without viewers, and who comes back sees what happened, in default colours (R-31)", async () => {
  await using agent = startTestAgent();
  {
    using first = await openTerminal(agent.url, { shell: "sh", sessionId: "kept" });
    first.type("printf '\\033[31mred'; sleep 0.1; touch done; echo la\"\"ter\r");
    await first.sees(/red/);
  }
  await until(() => Bun.file(join(agent.folder, "done")).exists());
  using again = await openTerminal(agent.url, { sessionId: "kept" });
  await again.sees(/later/);
  expect(again.output()).toStartWith("\u001b[0m");
  expect(again.output()).toContain("\u001b[31mred");
});

test("the size of who comes last counts", async () => {
  await using agent = startTestAgent();
  using first = await openTerminal(agent.url, { shell: "sh", cols: "90", rows: "20" });
  using second = await openTerminal(agent.url, { cols: "132", rows: "43" });
  first.type("stty size\r");
  await second.sees(/43 132\r/);
});

test("what a shell prints as it ends still arrives, then the socket closes with 1000 (D-11)", async () => {
  await using agent = startTestAgent();
  using terminal = await openTerminal(agent.url, { shell: "sh" });
  terminal.type("head -c 300000 /dev/zero | tr '\\0' x; echo la\"\"st; exit\r");
  expect(await terminal.closed).toBe(1000);
  expect(terminal.output()).toMatch(/x{300000}last\r\n$/);
});

test.each([
  ["exit 7", 7],
  ["kill -KILL $$", 137],
])("the last frame says how the shell has ended: %s", async (command, code) => {
  await using agent = startTestAgent();
  using terminal = await openTerminal(agent.url, { shell: "sh" });
  terminal.type(`${command}\r`);
  expect(await terminal.closed).toBe(1000);
  expect(terminal.frames.at(-1)).toEqual({ type: "exit", code });
});

test("the end of the shell ends its session: what it left running is killed and does not hold the socket open (D-11, R-31)", async () => {
  await using agent = startTestAgent();
  using terminal = await openTerminal(agent.url, { shell: "bash" });
  terminal.type("sleep 6001 & trap '' HUP; sh -c 'trap \"\" HUP TERM; sleep 6002' & echo pid:$!:; exit\r");
  const [, background] = await terminal.sees(/pid:(\d+):/);
  expect(await terminal.closed).toBe(1000);
  expect([isAlive(Number(background)), pidsOf("sleep 6001"), pidsOf("sleep 6002")]).toEqual([false, [], []]);
});

test("a daemon in a session of its own lives on, and does not hold the socket open", async () => {
  await using agent = startTestAgent();
  using terminal = await openTerminal(agent.url, { shell: "bash" });
  terminal.type("setsid sh -c 'trap \"\" HUP; echo pid:$$:; exec sleep 6003'\r");
  const [, daemon] = await terminal.sees(/pid:(\d+):/);
  terminal.type("\u0003exit\r");
  terminal.type("\u0004");
  try {
    expect(await terminal.closed).toBe(1000);
    expect(isAlive(Number(daemon))).toBeTrue();
  } finally {
    process.kill(Number(daemon), "SIGKILL");
  }
});

test("the next client of an ended session gets a new shell", async () => {
  await using agent = startTestAgent();
  using first = await openTerminal(agent.url, { shell: "sh" });
  first.type("echo old; exit\r");
  await first.closed;
  using second = await openTerminal(agent.url, { shell: "sh" });
  second.type("echo new-$((1+1))\r");
  await second.sees(/new-2/);
  expect(second.output()).not.toContain("old");
});

test("a character whose bytes are written one by one arrives whole, bytes that are none arrive replaced (D-11)", async () => {
  await using agent = startTestAgent();
  using terminal = await openTerminal(agent.url, { shell: "sh" });
  terminal.type("printf '<\\342'; sleep 0.1; printf '\\202'; sleep 0.1; printf '\\254>(\\377)\\n'\r");
  await terminal.sees(/\n?<€>\(\ufffd\)\r/);
  expect(terminal.output().match(/\ufffd/g)).toHaveLength(1);
});

test("it starts where the agent does, or in workingDir with ~ for home, with the agent's environment and TERM", async () => {
  await using agent = startTestAgent({ GREETING: "hello", DORMOUSE_SECRET: "hidden" });
  mkdirSync(join(agent.folder, "sub"));
  using here = await openTerminal(agent.url, { sessionId: "1", shell: "sh" });
  using there = await openTerminal(agent.url, { sessionId: "2", shell: "sh", workingDir: "~/sub" });
  here.type("pwd; echo $GREETING-$TERM-$DORMOUSE_SECRET-\r");
  there.type("pwd\r");
  await here.sees(new RegExp(`${agent.folder}\r\nhello-xterm-256color--\r`));
  await there.sees(new RegExp(`${agent.folder}/sub\r`));
});

test("$SHELL is the shell, where it exists", async () => {
  await using agent = startTestAgent({ SHELL: "/bin/dash" });
  using terminal = await openTerminal(agent.url);
  terminal.type("readlink /proc/$$/exe\r");
  await terminal.sees(/\/usr\/bin\/dash\r/);
});

test("where $SHELL does not exist another one is found", async () => {
  await using agent = startTestAgent({ SHELL: "/no/such/shell" });
  using terminal = await openTerminal(agent.url);
  terminal.type('echo ru""ns\r');
  await terminal.sees(/runs/);
});

test("a shell is a workload to the out-of-memory killer, as other processes are", async () => {
  await using agent = startTestAgent();
  using terminal = await openTerminal(agent.url, { shell: "sh" });
  const { stdout } = await agent.exec({ command: "cat /proc/$$/oom_score_adj", waitForCompletion: true });
  terminal.type("echo score:$(cat /proc/$$/oom_score_adj):\r");
  const [, score] = await terminal.sees(/score:(\d+):/);
  expect(`${score}\n`).toBe(stdout ?? "");
});

const FAILURES: readonly (readonly [string, Record<string, string>, Record<string, string>, RegExp])[] = [
  [
    "shell",
    { shell: "/no/such/shell" },
    {},
    /^Cannot open a terminal: there is no shell "\/no\/such\/shell" in this image$/,
  ],
  [
    "folder",
    { workingDir: "/no/such/folder" },
    {},
    /^Cannot open a terminal: folder "\/no\/such\/folder" does not exist$/,
  ],
  [
    "name",
    { workingDir: "x".repeat(300) },
    {},
    /^Cannot open a terminal: folder .* cannot be read \(.*name too long.*\)$/,
  ],
  ["home", { workingDir: "~/x" }, { HOME: "" }, /HOME is not set/],
];

for (const [what, query, env, text] of FAILURES) {
  test(`a ${what} that is not there is an error frame, and then the end`, async () => {
    await using agent = startTestAgent(env);
    using terminal = await openTerminal(agent.url, query);
    expect(await terminal.closed).toBe(1011);
    expect(terminal.frames).toEqual([{ type: "error", data: expect.stringMatching(text) }]);
  });
}

test("there are at most 64 terminals, and at most 16 clients of one", async () => {
  await using agent = startTestAgent();
  const open = (sessionId: string) => openTerminal(agent.url, { sessionId, shell: "cat" });
  const clients = await Promise.all(Array.from({ length: 64 }, (_, index) => open(String(index))));
  using refused = await open("64");
  expect(await refused.closed).toBe(1011);
  expect(refused.frames).toEqual([{ type: "error", data: "Cannot open a terminal: 64 are open already" }]);
  clients.push(...(await Promise.all(Array.from({ length: 15 }, () => open("0")))));
  using oneTooMany = await open("0");
  await oneTooMany.closed;
  expect(oneTooMany.frames.at(-1)).toMatchObject({
    data: "Cannot open a terminal: 16 others look at this one already",
  });
  for (const client of clients) client[Symbol.dispose]();
});

test("frames that make no sense are ignored", async () => {
  await using agent = startTestAgent();
  const socket = new WebSocket(`${agent.url.replace("http", "ws")}/terminal/ws?shell=sh&cols=0&rows=x`);
  const { promise: shown, resolve } = Promise.withResolvers<void>();
  let output = "";
  socket.addEventListener("message", ({ data }) => {
    output += (JSON.parse(String(data)) as { data: string }).data;
    if (output.includes("24 80")) resolve();
  });
  await new Promise((opened) => socket.addEventListener("open", opened));
  const nonsense = ["", "{", "null", "7", "[]", '{"type":"input"}', '{"type":"input","data":7}', '{"type":"resize"}'];
  for (const frame of [...nonsense, '{"type":"resize","cols":-1,"rows":"9"}', '{"type":"other"}']) socket.send(frame);
  socket.send(JSON.stringify({ type: "input", data: "stty size\r" }));
  await shown;
  socket.close();
});

test("DISABLE_TERMINAL leaves page and socket out", async () => {
  await using agent = startTestAgent({ DISABLE_TERMINAL: "true" });
  for (const path of ["/terminal", "/terminal/ws"]) expect((await agent.request(path)).status).toBe(404);
});

test("the socket's path without an upgrade is a 400", async () => {
  await using agent = startTestAgent();
  const response = await agent.request("/terminal/ws");
  expect(response.status).toBe(400);
  expect(await response.json()).toEqual({ error: expect.stringContaining("WebSocket") });
});

test("closing the agent ends its terminals at once and leaves nothing of them", async () => {
  await using agent = startTestAgent();
  using terminal = await openTerminal(agent.url, { shell: "bash" });
  terminal.type("sleep 6004 & echo pid:$$:\r");
  const [, shell] = await terminal.sees(/pid:(\d+):/);
  await agent.api.close(60_000);
  expect(await terminal.closed).toBe(1001);
  expect([isAlive(Number(shell)), pidsOf("sleep 6004")]).toEqual([false, []]);
  await expect(openSocket(agent.api.port)).rejects.toThrow();
});
