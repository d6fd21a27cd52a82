/** A row of the feature inventory: what we promise, and how far it is shown. */
export interface Requirement {
  readonly id: string;
  /** SEED rows are the mission, DOCS rows are what its users also expect. */
  readonly tag: "SEED" | "DOCS";
  readonly title: string;
  /** `proven`: a test cites the id and shows the whole row. `declined`: we do not do this, on purpose. */
  readonly status: "proven" | "pending" | "declined";
  /** Why it is declined, or what a pending row still lacks. */
  readonly reason?: string;
}

export interface RequirementSection {
  readonly title: string;
  readonly requirements: readonly Requirement[];
}
