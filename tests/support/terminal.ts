import { randomId } from "@dormouse/kernel";
import { eventually } from "./eventually.ts";

export interface TerminalOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly columns?: number;
  readonly rows?: number;
}

/** A real terminal with a shell, driven as a person drives it: keys in, a screen to read. */
export interface TerminalSession extends AsyncDisposable {
  /** Types a line and Return. */
  line(text: string): Promise<void>;
  /** Presses keys by tmux's names, such as `C-c`, `Down` or a letter. */
  press(...keys: readonly string[]): Promise<void>;
  /** What is on the screen, with colours as escape sequences if asked for. */
  screen(withColours?: boolean): Promise<string>;
  /** Resolves to the screen once it holds the pattern; spaces at the ends of lines do not show. */
  sees(pattern: RegExp): Promise<string>;
  resize(columns: number, rows: number): Promise<void>;
}

export async function openTerminal({ env, cwd, columns = 100, rows = 30 }: TerminalOptions): Promise<TerminalSession> {
  const socket = `dormouse-test-${randomId(8)}`;
  const tmux = async (...args: readonly string[]): Promise<string> => {
    const child = Bun.spawn(["tmux", "-L", socket, "-f", "/dev/null", ...args], {
      cwd,
      env: { ...env, TERM: "xterm-256color", LANG: "C.UTF-8", PS1: "$ ", SHELL: "/bin/sh" },
      stdout: "pipe",
      stderr: "pipe",
    });
    const [stdout, stderr, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    if (exitCode !== 0) throw new Error(`tmux ${args.join(" ")} failed: ${stderr}`);
    return stdout;
  };
  await tmux("new-session", "-d", "-x", String(columns), "-y", String(rows), "sh");
  const screen = (withColours = false) => tmux("capture-pane", "-p", ...(withColours ? ["-e"] : []));
  const sees = (pattern: RegExp): Promise<string> =>
    eventually(async () => {
      const shown = await screen();
      if (!pattern.test(shown)) throw new Error(`${String(pattern)} is not on the screen:\n${shown}`);
      return shown;
    });
  await sees(/^\$/m);
  return {
    line: async (text) => {
      await tmux("send-keys", "-l", text);
      await tmux("send-keys", "Enter");
    },
    press: async (...keys) => void (await tmux("send-keys", ...keys)),
    screen,
    sees,
    resize: async (width, height) => void (await tmux("resize-window", "-x", String(width), "-y", String(height))),
    // One whose shell has ended is gone already.
    [Symbol.asyncDispose]: async () => void (await tmux("kill-server").catch(() => undefined)),
  };
}
