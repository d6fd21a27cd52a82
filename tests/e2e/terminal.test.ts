import { expect, test } from "bun:test";
import { once } from "node:events";
import { WebSocket } from "ws";
import { goTo, openBrowser } from "../support/browser.ts";
import { useDormouse } from "../support/suite.ts";

/* The terminal of a sandbox as the command line and the page use it: through the gateway, with the key in the query. */
const suite = useDormouse({ DORMOUSE_IDLE_MS: "300" });

interface Frame {
  readonly type: "output" | "error" | "exit";
  readonly data?: string;
}

const SHOWN_WITHIN_MS = 10_000;

class Terminal implements AsyncDisposable {
  readonly #socket: WebSocket;
  readonly #changes = new EventTarget();
  output = "";

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data: Buffer) => {
      this.output += (JSON.parse(data.toString()) as Frame).data ?? "";
      this.#changes.dispatchEvent(new Event("change"));
    });
  }

  type(data: string): void {
    this.#socket.send(JSON.stringify({ type: "input", data }));
  }

  resize(cols: number, rows: number): void {
    this.#socket.send(JSON.stringify({ type: "resize", cols, rows }));
  }

  /** Resolves once the output so far holds `text`. */
  async shows(text: string): Promise<void> {
    const deadline = Bun.sleep(SHOWN_WITHIN_MS).then(() => "late" as const);
    while (!this.output.includes(text)) {
      if ((await Promise.race([once(this.#changes, "change"), deadline])) === "late") {
        throw new Error(`"${text}" is not in ${JSON.stringify(this.output)}`);
      }
    }
  }

  /** Close code, once the other side has closed. */
  async closed(): Promise<number> {
    const [code] = (await once(this.#socket, "close")) as [number];
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#socket.readyState === WebSocket.CLOSED) return;
    this.#socket.close();
    await once(this.#socket, "close");
  }
}

async function openTerminal(name: string, query = ""): Promise<Terminal> {
  const url = suite.api.sandboxUrl(name).replace("http", "ws");
  const socket = new WebSocket(`${url}/terminal/ws?token=${suite.api.key}&cols=100&rows=30${query}`);
  const terminal = new Terminal(socket);
  await once(socket, "open");
  return terminal;
}

test("F140 a terminal runs a shell of the asked size, resizes it, and closes when the shell ends", async () => {
  await suite.api.create("shell");
  await using terminal = await openTerminal("shell");
  terminal.type("stty size; tty; echo $TERM-$0\n");
  await terminal.shows("30 100");
  await terminal.shows("/dev/pts/");
  await terminal.shows("xterm-256color-");
  terminal.resize(120, 40);
  terminal.type("stty size\n");
  await terminal.shows("40 120");
  // The program itself says when it is the one in the foreground, whom Ctrl-C is for.
  terminal.type(`sh -c 'trap "echo cau""ght; exit" INT; echo rea""dy; while :; do sleep 0.05; done'\n`);
  await terminal.shows("ready");
  terminal.output = "";
  terminal.type("\u0003");
  await terminal.shows("caught");
  await terminal.shows("# ");
  const closed = terminal.closed();
  terminal.type("exit\n");
  expect(await closed).toBe(1000);
  expect(await suite.api.run("shell", "ps -eo tty= | grep -c pts || true")).toBe("0\n");
  await suite.api.remove("shell");
});

test("F005 F014 R-31 an open terminal keeps the sandbox awake; asleep it is found again by its session, as it was", async () => {
  const { api } = suite;
  await api.create("session");
  {
    await using terminal = await openTerminal("session", "&sessionId=mine");
    terminal.type("cd /tmp; KEPT=in-memory; echo rea''dy\n");
    await terminal.shows("ready");
    await Bun.sleep(1500);
    expect((await api.get("session")).state).toBe("RUNNING");
  }
  await api.untilState("session", "STANDBY");
  await using again = await openTerminal("session", "&sessionId=mine");
  await again.shows("ready");
  again.type("echo $KEPT in $PWD\n");
  await again.shows("in-memory in /tmp");
  await api.remove("session");
});

test("a terminal without the key, or with another's, is refused", async () => {
  await suite.api.create("guarded");
  const url = `${suite.api.sandboxUrl("guarded").replace("http", "ws")}/terminal/ws`;
  for (const query of ["", "?token=dm_wrong"]) {
    const socket = new WebSocket(url + query);
    const [error] = (await once(socket, "error")) as [Error];
    expect(error.message).toContain("401");
  }
  await suite.api.remove("guarded");
});

test("the page of the terminal loads nothing from elsewhere", async () => {
  await suite.api.create("page");
  const response = await suite.api.fetch("page", "/terminal");
  expect(response.headers.get("content-type")).toContain("text/html");
  const page = await response.text();
  expect(page.match(/(?:src|href)="(?:https?:)?\/\/[^"]*"/g)).toBeNull();
  expect(page).toContain("<title>");
  await suite.api.remove("page");
});

test("the page in a browser: the key leaves its address, and the shell is found again when it is loaded anew", async () => {
  await suite.api.create("browsed");
  await using browser = await openBrowser();
  const page = await browser.newPage();
  await goTo(page, `${suite.api.sandboxUrl("browsed")}/terminal?sessionId=mine&token=${suite.api.key}`);
  expect(new URL(page.url())).toMatchObject({ pathname: "/terminal", search: "?sessionId=mine" });
  const shows = (text: string) => page.locator(".xterm-rows").getByText(text).first().waitFor();
  await shows("#");
  await page.keyboard.type("echo kept in ''$0; KEPT=still\n");
  await shows("kept in /bin/");
  await page.reload();
  await shows("kept in /bin/");
  await page.keyboard.type("echo $KEPT the-same\n");
  await shows("still the-same");
  await suite.api.remove("browsed");
});
