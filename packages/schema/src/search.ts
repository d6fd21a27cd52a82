/** Answer of `GET /filesystem-find/{path}`. Here and below paths are relative to the searched directory, `total` is the number of matches. */
export interface FindResponse {
  readonly matches: readonly FindMatch[];
  readonly total: number;
}

export interface FindMatch {
  readonly path: string;
  readonly type: "file" | "directory";
}

/** Answer of `GET /filesystem-search/{path}`, best first. */
export interface FuzzySearchResponse {
  readonly matches: readonly FuzzySearchMatch[];
  readonly total: number;
}

export interface FuzzySearchMatch extends FindMatch {
  readonly score: number;
}

/** Answer of `GET /filesystem-content-search/{path}`. */
export interface ContentSearchResponse {
  readonly query: string;
  readonly matches: readonly ContentSearchMatch[];
  readonly total: number;
}

/** The first hit of a line. `line` and `column`, which counts bytes, start at 1. */
export interface ContentSearchMatch {
  readonly path: string;
  readonly line: number;
  readonly column: number;
  readonly text: string;
  /** The line with its neighbours, when `contextLines` asked for them. */
  readonly context?: string;
}
