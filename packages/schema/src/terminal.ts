/** What a client of `GET /terminal/ws` sends, one JSON text frame each. Anything else is ignored. */
export type TerminalClientFrame =
  | { readonly type: "input"; readonly data: string }
  /** 1 to 1000 each; more counts as 1000, less is ignored. */
  | { readonly type: "resize"; readonly cols: number; readonly rows: number };

/** What it is sent. An `error` is the last frame before the agent closes. */
export interface TerminalServerFrame {
  readonly type: "output" | "error";
  readonly data: string;
}
