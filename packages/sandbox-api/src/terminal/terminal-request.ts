/** In character cells, 1 to 1000 each. */
export interface TerminalSize {
  readonly cols: number;
  readonly rows: number;
}

/** The query of `GET /terminal/ws`. */
export interface TerminalRequest {
  readonly sessionId: string;
  readonly size: TerminalSize;
  /** Path or name; null lets the agent choose. */
  readonly shell: string | null;
  /** As written; null means where the agent was started. */
  readonly workingDir: string | null;
}

const DEFAULT_SESSION_ID = "default";
const DEFAULT_SIZE: TerminalSize = { cols: 80, rows: 24 };
const MAX_CELLS = 1000;

/** Never fails: a size that makes no sense is the default one. */
export function readTerminalRequest(query: URLSearchParams): TerminalRequest {
  return {
    sessionId: query.get("sessionId") || DEFAULT_SESSION_ID,
    size: {
      cols: boundedCells(Number(query.get("cols"))) ?? DEFAULT_SIZE.cols,
      rows: boundedCells(Number(query.get("rows"))) ?? DEFAULT_SIZE.rows,
    },
    shell: query.get("shell") || null,
    workingDir: query.get("workingDir") || null,
  };
}

/** Null when a client sent a size that is none. */
export function boundedSize(cols: unknown, rows: unknown): TerminalSize | null {
  const bounded = { cols: boundedCells(cols), rows: boundedCells(rows) };
  return bounded.cols === null || bounded.rows === null ? null : { cols: bounded.cols, rows: bounded.rows };
}

const boundedCells = (value: unknown): number | null =>
  typeof value === "number" && Number.isInteger(value) && value > 0 ? Math.min(value, MAX_CELLS) : null;
