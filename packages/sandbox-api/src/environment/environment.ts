/** What the platform says the variables are, in `BL_METADATA_PATH`. */
export interface EnvironmentDocument {
  /** Counts the platform's changes. */
  readonly generation: number;
  readonly variables: Readonly<Record<string, string>>;
}

/** Answer of a reload: how many variables were set, and how many taken away. */
export interface ReloadResult {
  readonly generation: number;
  readonly applied: number;
  readonly removed: number;
}

/** The variables of processes started from now on, before their own. A reload replaces what an earlier one set. */
export class Environment {
  #variables: Readonly<Record<string, string>>;
  /** Last applied; null as long as there was none. */
  #document: EnvironmentDocument | null = null;

  constructor(variables: Readonly<Record<string, string>>) {
    this.#variables = variables;
  }

  get variables(): Readonly<Record<string, string>> {
    return this.#variables;
  }

  get document(): EnvironmentDocument | null {
    return this.#document;
  }

  /** Sets all variables of `document` and takes away those that only the one before it had. */
  apply(document: EnvironmentDocument): ReloadResult {
    const gone = Object.keys(this.#document?.variables ?? {}).filter(
      (name) => !Object.hasOwn(document.variables, name),
    );
    const kept = Object.entries(this.#variables).filter(([name]) => !gone.includes(name));
    this.#variables = { ...Object.fromEntries(kept), ...document.variables };
    this.#document = document;
    return {
      generation: document.generation,
      applied: Object.keys(document.variables).length,
      removed: gone.length,
    };
  }
}

/** True for a variable that a process can be given: the kernel's format leaves no room for anything else. */
export function isVariable(name: string, value: string): boolean {
  return name !== "" && !name.includes("=") && !name.includes("\0") && !value.includes("\0");
}
