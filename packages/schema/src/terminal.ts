/** What a client of `GET /terminal/ws` sends, one JSON text frame each. Anything else is ignored. */
export type TerminalClientFrame =
  | { readonly type: "input"; readonly data: string }
  /** 1 to 1000 each; more counts as 1000, less is ignored. */
  | { readonly type: "resize"; readonly cols: number; readonly rows: number };

/** What it is sent. An `error` or an `exit` is the last frame before the agent closes; who does not know `exit` skips it. */
export type TerminalServerFrame =
  | { readonly type: "output" | "error"; readonly data: string }
  /** The shell has ended; after a signal `code` is 128 and its number, as shells count. */
  | { readonly type: "exit"; readonly code: number };
