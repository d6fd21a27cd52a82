import type { ErrorCode } from "@dormouse/kernel";
import type { z } from "zod";

/** One call of the API: everything its reference says of it. */
export interface Operation {
  readonly method: "get" | "post" | "put" | "delete";
  /** Below `/v0`, with its parameters in braces. */
  readonly path: string;
  /** Blaxel's name of it, where it has one. */
  readonly id: string;
  readonly summary: string;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** What it answers with status 200, as text where it is a string; without it the status is 204. */
  readonly answer?: z.ZodType;
  /** What it answers with status 202, when somebody else has to agree first. */
  readonly pending?: z.ZodType;
  /** Beyond those that every call of its kind may meet. */
  readonly errors?: readonly ErrorCode[];
  /** Of those errors, where it is not an `ErrorAnswer`. */
  readonly failure?: z.ZodType;
  /** Needs no credential. */
  readonly isPublic?: boolean;
}

/** The operations on one kind of thing, which the reference shows together. */
export interface OperationGroup {
  readonly tag: string;
  readonly description: string;
  readonly operations: readonly Operation[];
}
