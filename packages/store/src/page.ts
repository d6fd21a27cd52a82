/** A part of a list. */
export interface Page<T> {
  readonly records: T[];
  /** Absent on the last page. */
  readonly nextCursor: string | undefined;
  /** Of all pages together. */
  readonly totalCount: number;
}
