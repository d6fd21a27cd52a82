export interface Finding {
  readonly name: string;
  /** `missing` stops Dormouse from working; `limited` means it works with less. */
  readonly status: "ok" | "limited" | "missing";
  readonly detail: string;
  /** What to do about it. */
  readonly mend?: string;
}
