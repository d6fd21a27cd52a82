/** What happened to a file: a rename is RENAME of the old path and CREATE of the new one. */
export type FileOperation = "CREATE" | "WRITE" | "REMOVE" | "RENAME" | "CHMOD";

/** One line of `GET /watch/filesystem/{path}`. */
export interface FileEvent {
  /** `FileOperation`s joined with `|`; empty beside an error. */
  readonly op: string;
  /** Base name of the file. */
  readonly name: string;
  /** Absolute path of its directory, without a slash at the end. */
  readonly path: string;
  readonly error: string | null;
}
