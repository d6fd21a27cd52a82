/** An edit as it was asked for. */
export interface RequestedEdit {
  readonly codeEdit: string;
  /** What the edit is about, in words; only providers read it. */
  readonly instructions?: string | undefined;
  /** Of the provider; its own default when absent, empty or `auto`. */
  readonly model?: string | undefined;
}

const MAX_FILES = 100;
const MAX_CHARACTERS = 8 * 1024 * 1024;

/** The last edit asked for of each file, also where it failed; the files edited longest ago are forgotten. In memory. */
export class EditHistory {
  readonly #edits = new Map<string, RequestedEdit>();
  #characterCount = 0;

  /** `path` is absolute. */
  record(path: string, edit: RequestedEdit): void {
    this.#forget(path);
    this.#edits.set(path, edit);
    this.#characterCount += sizeOf(edit);
    for (const oldest of this.#edits.keys()) {
      if (this.#edits.size <= MAX_FILES && this.#characterCount <= MAX_CHARACTERS) return;
      this.#forget(oldest);
    }
  }

  last(path: string): RequestedEdit | null {
    return this.#edits.get(path) ?? null;
  }

  #forget(path: string): void {
    const edit = this.#edits.get(path);
    if (edit !== undefined) this.#characterCount -= sizeOf(edit);
    this.#edits.delete(path);
  }
}

const sizeOf = ({ codeEdit, instructions = "" }: RequestedEdit): number => codeEdit.length + instructions.length;
