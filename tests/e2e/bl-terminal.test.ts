import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { BL, BlUser } from "../support/bl.ts";
import { confirmInBrowser } from "../support/sign-in.ts";
import { useDormouse } from "../support/suite.ts";
import { openTerminal, type TerminalSession } from "../support/terminal.ts";

/* The executable as people use it: in a real terminal, with keys and a screen. */
const suite = useDormouse();
let user: BlUser;

beforeAll(async () => {
  user = new BlUser({ BL_API_URL: suite.dormouse.env["BL_API_URL"] ?? "" });
  const bin = join(user.home, "bin");
  mkdirSync(bin);
  for (const name of ["bl", "blaxel"]) symlinkSync(BL, join(bin, name));
  await user.stdout(["login", "default"], { env: { BL_API_KEY: suite.api.key } });
  await suite.api.create("box");
});

afterAll(() => user[Symbol.dispose]());

function terminalOf(
  who: BlUser,
  size: { readonly columns?: number; readonly rows?: number } = {},
): Promise<TerminalSession> {
  const env = who.environment({ PATH: `${join(user.home, "bin")}:${process.env["PATH"] ?? ""}` });
  return openTerminal({ env, cwd: who.home, ...size });
}

test("F210 connect: a shell on this terminal, which follows its size and hands over its exit code", async () => {
  await using terminal = await terminalOf(user, { columns: 90, rows: 25 });
  await terminal.line("bl connect sandbox box; echo ended with $?");
  await terminal.sees(/root@box:\/blaxel#$/m);
  await terminal.line("echo size $(stty size); touch made-here; ls");
  await terminal.sees(/^size 25 90$[^]*^made-here$/m);
  await terminal.resize(120, 40);
  await terminal.line("echo size $(stty size)");
  await terminal.sees(/^size 40 120$/m);
  await terminal.line("echo started; sleep 60");
  await terminal.sees(/^started$/m);
  await terminal.press("C-c");
  await terminal.line("exit 7");
  await terminal.sees(/^ended with 7$/m);
  await terminal.line("echo line mode $((40+2))");
  await terminal.sees(/^line mode 42$/m);
  expect(await suite.api.run("box", "ls /blaxel")).toContain("made-here");
});

test("connect to what is not there names what is", async () => {
  await using terminal = await terminalOf(user);
  await terminal.line("bl connect sandbox boks; echo ended with $?");
  const screen = await terminal.sees(/^ended with 1$/m);
  expect(screen).toContain('Reason: Cannot connect to sandbox "boks": there is none of that name');
  expect(screen).toContain("Available sandboxes: box");
});

test("F080 get --watch shows what changes, until q", async () => {
  await using terminal = await terminalOf(user);
  await terminal.line("bl get sandboxes --watch; echo ended with $?");
  await terminal.sees(/^Every 2s: [^]*^\| default +\| box /m);
  await suite.api.create("later");
  await terminal.sees(/^\| default +\| later /m);
  await suite.api.remove("later");
  await terminal.press("q");
  await terminal.sees(/Stopped watching\.\s+ended with 0/);
});

test("F080 get sandbox NAME --watch follows the status of one; Ctrl-C ends it too", async () => {
  await suite.api.create("watched");
  await using terminal = await terminalOf(user);
  await terminal.line("bl get sandbox watched --watch");
  await terminal.sees(/^Every 2s: [^]* DEPLOYED /m);
  const { spec } = await suite.api.get("watched");
  await suite.api.call("PUT", "/sandboxes/watched", { body: { spec: { ...spec, enabled: false } } });
  await terminal.sees(/^Every 2s: [^]* DEACTIVATED /m);
  await suite.api.remove("watched");
  await terminal.sees(/Resource Sandbox:watched error: Cannot find sandbox/);
  await terminal.press("C-c");
  await terminal.sees(/Stopped watching\./);
});

test("colours in a terminal, none with NO_COLOR; long images fit its width", async () => {
  await using terminal = await terminalOf(user, { columns: 70 });
  await terminal.line("bl get sandbox box -o pretty | head -3; bl ws default");
  await terminal.sees(/Current workspace set to default\./);
  expect(await terminal.screen(true)).toContain("\u001b[32m✓\u001b[39m Current workspace");
  expect(await terminal.screen()).toContain("kind: Sandbox");
  await terminal.line("clear; bl get sandbox box");
  await terminal.sees(/ blaxel\/base-i… /);
  await terminal.line("clear; NO_COLOR=1 bl ws default");
  await terminal.sees(/Current workspace set to default\./);
  expect(await terminal.screen(true)).not.toContain("\u001b[32m");
});

test("F272 logs -f of a process goes on until Ctrl-C", async () => {
  await suite.api.process("box", {
    name: "ticker",
    command: "echo first; until [ -e /tmp/tick ]; do sleep 0.01; done; echo second; sleep 600",
  });
  await using terminal = await terminalOf(user);
  await terminal.line("bl logs sandbox box ticker -f; echo ended with $?");
  await terminal.sees(/^first$/m);
  await suite.api.run("box", "touch /tmp/tick");
  await terminal.sees(/^second$/m);
  await terminal.press("C-c");
  await terminal.sees(/^\^Cended with 0$/m);
});

test("a list in a narrow terminal takes a line for each, with names whole; piped it is all there", async () => {
  await suite.api.createPreview("box", { port: 3000, public: true }, "a-preview-to-look-at");
  await using terminal = await terminalOf(user, { columns: 60 });
  await terminal.line("bl get sandbox box previews");
  await terminal.sees(/^\| a-preview-to-look-at \| .* \| http:\S*… \|$/m);
  await terminal.line("clear; bl get sandboxes");
  await terminal.sees(/^\| box +\| .*DEPLOYED.* \|$/m);
  await terminal.line("clear; bl get sandbox box previews | wc -L");
  await terminal.sees(/^1\d\d$/m);
});

test("login asks how, and keeps a key that is typed hidden", async () => {
  using newcomer = new BlUser({ BL_API_URL: suite.dormouse.env["BL_API_URL"] ?? "" });
  await using terminal = await terminalOf(newcomer);
  await terminal.line("blaxel login default");
  await terminal.sees(/Login with your browser[^]*Login with API key/);
  await terminal.press("Down", "Enter");
  await terminal.sees(/Enter your API key:/);
  await terminal.line(suite.api.key);
  const screen = await terminal.sees(/Successfully logged in to workspace default/);
  expect(screen).not.toContain(suite.api.key);
  await terminal.line("clear; blaxel token");
  await terminal.sees(new RegExp(suite.api.key.slice(0, 20)));
});

test("F260 login in the browser, and a choice among several workspaces", async () => {
  await suite.api.call("POST", "/workspaces", { body: { name: "second" } });
  using newcomer = new BlUser({ BL_API_URL: suite.dormouse.env["BL_API_URL"] ?? "" });
  await using terminal = await terminalOf(newcomer, { columns: 140 });
  await terminal.line("bl login");
  const screen = await terminal.sees(/Waiting for you to confirm the login in your browser/);
  await confirmInBrowser(/http\S+user_code=\S+/.exec(screen)?.[0] ?? "", { api_key: suite.api.key });
  await terminal.sees(/Which workspace\?/);
  await terminal.press("Down", "Enter");
  await terminal.sees(/Successfully logged in to workspace second/);
  await terminal.line("clear; bl workspaces; bl get sandboxes");
  await terminal.sees(/^NAME +CURRENT\nsecond +\*\n.*No sandboxes found/m);
  await suite.api.call("DELETE", "/workspaces/second");
});
