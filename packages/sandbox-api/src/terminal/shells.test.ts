import { expect, test } from "bun:test";
import { existsSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { startTestAgent } from "../testing/agent.ts";
import { openTerminal } from "./testing/terminal-client.ts";

/** Starts an agent beside a link `ash` to busybox, as small images have it. */
function startWithAsh() {
  const agent = startTestAgent({ PS1: "% " });
  symlinkSync("/usr/bin/busybox", join(agent.folder, "ash"));
  return agent;
}

const SHELLS = ["bash", "dash", "ash"].filter((shell) => shell !== "ash" || existsSync("/usr/bin/busybox"));

for (const shell of SHELLS) {
  const query = (folder: string) => ({ shell: shell === "ash" ? join(folder, "ash") : shell });

  test(`${shell} leads a session of its own on a real terminal of the asked size`, async () => {
    await using agent = startWithAsh();
    using terminal = await openTerminal(agent.url, { ...query(agent.folder), cols: "100", rows: "30" });
    terminal.type("tty; stty size; echo $TERM; cat /proc/self/stat /proc/$$/stat\r");
    await terminal.sees(/\/dev\/pts\/\d+\r\n30 100\r\nxterm-256color\r\n/);
    const [, child] = await terminal.sees(/\n(\d+ \(\w+\) R .*)\r/);
    const [, leader, foregroundGroup] = await terminal.sees(/\n\d+ \(\w+\) \w \d+ (\d+) \1 \d+ (\d+) /);
    const [pid, , , , groupId, sessionId] = child?.split(" ") ?? [];
    expect([groupId, sessionId]).toEqual([pid, leader]);
    expect(foregroundGroup).toBe(pid);
  });

  test(`${shell} tells its programs of a new size`, async () => {
    await using agent = startWithAsh();
    using terminal = await openTerminal(agent.url, query(agent.folder));
    terminal.type(`sh -c 'trap "stty size; exit" WINCH; echo wait""ing; while :; do sleep 0.01; done'\r`);
    await terminal.sees(/waiting/);
    terminal.send({ type: "resize", cols: 0, rows: 50 });
    terminal.send({ type: "resize", cols: 120, rows: 5000 });
    await terminal.sees(/\n1000 120\r/);
  });

  test(`${shell} has job control: Ctrl-C ends, Ctrl-Z stops, fg goes on`, async () => {
    await using agent = startWithAsh();
    using terminal = await openTerminal(agent.url, query(agent.folder));
    terminal.type("sh -c 'echo first-$((1+1)); exec sleep 60'\r");
    await terminal.sees(/first-2/);
    terminal.type("\u0003");
    await terminal.sees(/\^C/);
    terminal.type("echo ended:$?\r");
    await terminal.sees(/ended:130/);
    terminal.type("sh -c 'echo second-$((1+1)); read line; echo got:$line'\r");
    await terminal.sees(/second-2/);
    terminal.type("\u001a");
    await terminal.sees(/Stopped/);
    terminal.type("fg\r");
    await terminal.sees(/Stopped[^]*fg\r\n[^]*sh -c/);
    terminal.type("typed\r");
    await terminal.sees(/got:typed/);
  });

  test(`in ${shell} a program in raw mode reads a paste of 1 MiB whole`, async () => {
    await using agent = startWithAsh();
    using terminal = await openTerminal(agent.url, query(agent.folder));
    const paste = Array.from({ length: 2 ** 16 }, (_, line) => `é${line} \u0003`.padEnd(14)).join("\r");
    const sizeBytes = Buffer.byteLength(paste);
    terminal.type(`stty raw -echo; echo rea""dy; head -c ${sizeBytes} > pasted; stty sane; echo o""ver\r`);
    await terminal.sees(/ready/);
    terminal.type(paste);
    await terminal.sees(/over/, 20_000);
    expect(sizeBytes).toBeGreaterThan(1_000_000);
    expect(readFileSync(join(agent.folder, "pasted"), "utf8") === paste).toBeTrue();
  }, 30_000);
}
