import { AppError } from "@dormouse/kernel";

/**
 * The fields of a JSON object body: keys match in any case, `null` counts as absent, unknown ones are ignored, and the
 * request's Content-Type does not matter. @throws {AppError} INVALID_ARGUMENT, here and in every reader.
 */
export class JsonFields {
  readonly #values = new Map<string, unknown>();

  constructor(values: object) {
    for (const [key, value] of Object.entries(values)) {
      if (value !== null) this.#values.set(key.toLowerCase(), value);
    }
  }

  static async of(request: Request): Promise<JsonFields> {
    const body = parseJson(await request.text());
    if (body === null) return new JsonFields({});
    if (typeof body !== "object" || Array.isArray(body)) throw invalidBody("expected a JSON object");
    return new JsonFields(body);
  }

  string(name: string): string | undefined {
    return this.#read(name, "a string", isString);
  }

  requiredString(name: string): string {
    const value = this.string(name);
    if (value === undefined || value === "") throw invalidBody(`field "${name}" is required`);
    return value;
  }

  boolean(name: string): boolean | undefined {
    return this.#read(name, "a boolean", (value) => typeof value === "boolean");
  }

  integer(name: string): number | undefined {
    return this.#read(name, "an integer", isInteger);
  }

  integers(name: string): readonly number[] | undefined {
    return this.#read(name, "a list of integers", (value) => Array.isArray(value) && value.every(isInteger));
  }

  stringList(name: string): readonly string[] | undefined {
    return this.#read(name, "a list of strings", (value) => Array.isArray(value) && value.every(isString));
  }

  strings(name: string): Readonly<Record<string, string>> | undefined {
    return this.#read(name, "an object of strings", isStringRecord);
  }

  objects(name: string): readonly JsonFields[] | undefined {
    return this.#read(name, "a list of objects", isObjectList)?.map((value) => new JsonFields(value));
  }

  #read<T>(name: string, expected: string, isExpected: (value: unknown) => value is T): T | undefined {
    const value = this.#values.get(name.toLowerCase());
    if (value === undefined || isExpected(value)) return value;
    throw invalidBody(`field "${name}" must be ${expected}`);
  }
}

/** A 400 in the words clients know. */
export function invalidBody(reason: string): AppError {
  return new AppError("INVALID_ARGUMENT", `invalid request body: ${reason}`);
}

function parseJson(body: string): unknown {
  if (body.trim() === "") throw invalidBody("EOF");
  try {
    return JSON.parse(body);
  } catch (cause) {
    throw invalidBody(cause instanceof Error ? cause.message : String(cause));
  }
}

const isString = (value: unknown): value is string => typeof value === "string";
const isInteger = (value: unknown): value is number => Number.isSafeInteger(value);
const isObjectList = (value: unknown): value is object[] =>
  Array.isArray(value) && value.every((item) => typeof item === "object" && item !== null && !Array.isArray(item));
const isStringRecord = (value: unknown): value is Record<string, string> =>
  typeof value === "object" && value !== null && !Array.isArray(value) && Object.values(value).every(isString);
