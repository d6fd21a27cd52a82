import { expect, test } from "bun:test";
import { startTestAgent, until } from "../../testing/agent.ts";
import { openPage } from "../testing/browser.ts";

test("the page types into a shell, shows what it prints and tells its size", async () => {
  await using agent = startTestAgent();
  const page = openPage(`${agent.url}/terminal?shell=sh`);
  await until(() => page.elements.status.hidden);
  page.terminal.type("stty size; echo do$((1+1))ne\r");
  await until(() => /25 90\r\ndo2ne/.test(page.terminal.text));
  page.terminal.resize({ cols: 70, rows: 20 });
  page.terminal.type("stty size\r");
  await until(() => page.terminal.text.includes("20 70\r"));
});

test("it finds the socket behind any path, and puts token and session into its address", async () => {
  await using agent = startTestAgent();
  for (const prefix of ["", "/run/main/sandboxes/x", "/preview/y"]) {
    const at = `${agent.url}${prefix}/terminal`;
    const page = openPage(`${at}?token=a%20b&sessionId=s&shell=sh#part`, (url) => url.replace(prefix, ""));
    await until(() => page.elements.status.hidden);
    const url = `${at.replace("http", "ws")}/ws?token=a+b&sessionId=s&shell=sh&cols=90&rows=25`;
    expect(page.socketUrls).toEqual([url]);
  }
});

test("over https it uses wss", async () => {
  const page = openPage("https://x.example/terminal/", () => "ws://127.0.0.1:1/");
  expect(page.socketUrls[0]).toStartWith("wss://x.example/terminal/ws?");
});

test("it says when the shell has ended, and starts a new one when asked", async () => {
  await using agent = startTestAgent();
  const { terminal, elements } = openPage(`${agent.url}/terminal?shell=sh`);
  await until(() => elements.status.hidden);
  terminal.type("exit\r");
  await until(() => elements["status-text"].textContent === "The shell has ended");
  expect([elements.status.hidden, elements["status-action"].textContent]).toEqual([false, "New session"]);
  elements["status-action"].dispatchEvent(new Event("click"));
  await until(() => elements.status.hidden);
  terminal.type("echo ag$((1+1))ain\r");
  await until(() => terminal.text.includes("ag2ain"));
  expect(terminal.text).not.toContain("exit");
});

test("a lost connection is tried five times, longer apart each time, and then left to the user", async () => {
  const { delaysMs, socketUrls, elements } = openPage("http://127.0.0.1:1/terminal");
  await until(() => elements["status-action"].textContent === "Try again");
  expect(elements["status-text"].textContent).toBe("The connection is lost");
  expect(delaysMs).toEqual([1000, 2000, 3000, 4000, 5000]);
  expect(socketUrls).toHaveLength(6);
});

test("what the agent refuses is shown in its words, and not tried again", async () => {
  await using agent = startTestAgent();
  const { elements, socketUrls } = openPage(`${agent.url}/terminal?shell=/no/such/shell`);
  await until(() => elements["status-action"].textContent === "Try again");
  expect(elements["status-text"].textContent).toStartWith("Cannot open a terminal: there is no shell");
  expect(elements.status.dataset["kind"]).toBe("error");
  expect(socketUrls).toHaveLength(1);
});
