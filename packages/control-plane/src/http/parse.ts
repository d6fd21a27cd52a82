import { AppError } from "@dormouse/kernel";
import type { ApiContext } from "./caller.ts";

/** What this needs of a schema of ours. */
interface Schema<T> {
  safeParse(input: unknown): { success: true; data: T } | { success: false; error: { issues: readonly Issue[] } };
}

interface Issue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** The request's JSON body. @throws {AppError} INVALID_ARGUMENT naming the first field that does not fit. */
export async function readBody<T>(c: ApiContext, schema: Schema<T>): Promise<T> {
  return parse(schema, parseJson(await c.req.text()), "the request body");
}

/** The request's query. @throws {AppError} INVALID_ARGUMENT */
export function readQuery<T>(c: ApiContext, schema: Schema<T>): T {
  return parse(schema, c.req.query(), "the query");
}

/** One value of the request, such as a part of its path. @throws {AppError} INVALID_ARGUMENT */
export function readValue<T>(schema: Schema<T>, value: string, subject: string): T {
  return parse(schema, value, subject);
}

function parse<T>(schema: Schema<T>, input: unknown, subject: string): T {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map(({ path, message }) => ({ path: path.join("."), message }));
  const first = issues[0];
  const place = first === undefined || first.path === "" ? subject : first.path;
  throw new AppError("INVALID_ARGUMENT", `Cannot accept ${place}: ${first?.message ?? "it is invalid"}`, {
    details: { issues },
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new AppError("INVALID_ARGUMENT", "Cannot accept the request body: it is not valid JSON", {
      hint: "Send one JSON object",
      cause,
    });
  }
}
