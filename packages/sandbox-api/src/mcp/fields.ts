import { AppError } from "@dormouse/kernel";

/** JSON Schema in the plain form that every client converts: one `type`, or one with `null`; no references, no unions. */
export interface JsonSchema {
  readonly type: string | readonly string[];
  readonly description?: string;
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | false;
}

/** A value of a tool's input or output: what clients are told about it, and how it is checked. */
export interface Field<T> {
  readonly schema: JsonSchema;
  readonly isRequired: boolean;
  /** Null when `value` fits, else what it must be, as in `a string`. `at` is where it stands, as in `editRegions[0].startLine`. */
  readonly mismatch: (value: unknown, at: string) => string | null;
  /** Carries the type only. */
  readonly type?: T;
}

export type Fields = Readonly<Record<string, Field<unknown>>>;

type OptionalKeys<F extends Fields> = { [K in keyof F]: F[K]["isRequired"] extends false ? K : never }[keyof F];

/** The object that fields describe. */
export type ValuesOf<F extends Fields> = { readonly [K in Exclude<keyof F, OptionalKeys<F>>]: TypeOf<F[K]> } & {
  readonly [K in OptionalKeys<F>]?: TypeOf<F[K]> | undefined;
};

type TypeOf<F> = F extends Field<infer T> ? T : never;
type Required<T> = Field<T> & { readonly isRequired: true };
type Optional<T> = Field<T> & { readonly isRequired: false };

export const string = (description: string): Required<string> =>
  scalar("string", description, (value) => typeof value === "string");
export const integer = (description: string): Required<number> =>
  scalar("integer", description, (value) => Number.isSafeInteger(value));
export const number = (description: string): Required<number> =>
  scalar("number", description, (value) => Number.isFinite(value));
export const boolean = (description: string): Required<boolean> =>
  scalar("boolean", description, (value) => typeof value === "boolean");

function scalar<T>(type: string, description: string, fits: (value: unknown) => boolean): Required<T> {
  const article = type === "integer" ? "an" : "a";
  const mismatch = (value: unknown, at: string) => (fits(value) ? null : `"${at}" must be ${article} ${type}`);
  return { schema: { type, description }, isRequired: true, mismatch };
}

export function list<T>(description: string, item: Field<T>): Required<readonly T[]> {
  const mismatch = (value: unknown, at: string) => {
    if (!Array.isArray(value)) return `"${at}" must be a list`;
    return firstOf(value.entries(), ([index, entry]) => item.mismatch(entry, `${at}[${index}]`));
  };
  return { schema: { type: "array", description, items: item.schema }, isRequired: true, mismatch };
}

/** An object with any keys. */
export function map<T>(description: string, value: Field<T>): Required<Readonly<Record<string, T>>> {
  const schema: JsonSchema = { type: "object", description, additionalProperties: value.schema };
  const mismatch = (candidate: unknown, at: string) => {
    if (!isObject(candidate)) return `"${at}" must be an object`;
    return firstOf(Object.entries(candidate), ([key, entry]) => value.mismatch(entry, `${at}.${key}`));
  };
  return { schema, isRequired: true, mismatch };
}

/** An object with these keys and no others. */
export function object<F extends Fields>(description: string, fields: F): Required<ValuesOf<F>> {
  const mismatch = (value: unknown, at: string) => {
    if (!isObject(value)) return `"${at}" must be an object`;
    const unknown = Object.keys(value).find((key) => !Object.hasOwn(fields, key));
    if (unknown !== undefined) return `"${dotted(at, unknown)}" is not known; known are ${namesOf(fields)}`;
    return firstOf(Object.entries(fields), ([key, field]) => mismatchOf(field, value[key], dotted(at, key)));
  };
  return { schema: { ...inputSchema(fields), description }, isRequired: true, mismatch };
}

/** An object of a result: it has these keys, and may get more one day. */
export function openObject<F extends Fields>(description: string, fields: F): Required<ValuesOf<F>> {
  return { ...object(description, fields), schema: { ...outputSchema(fields), description } };
}

/** May be left out; null counts as left out. */
export function optional<T>(field: Field<T>): Optional<T> {
  return { schema: orNull(field.schema), isRequired: false, mismatch: field.mismatch };
}

/** Always there, and null when there is nothing to say. */
export function nullable<T>(field: Field<T>): Required<T | null> {
  const mismatch = (value: unknown, at: string) => (value === null ? null : field.mismatch(value, at));
  return { schema: orNull(field.schema), isRequired: true, mismatch };
}

/** Schema of an object that has these keys and no others. */
export const inputSchema = (fields: Fields): JsonSchema => ({ ...outputSchema(fields), additionalProperties: false });

/** Schema of an object that has these keys, and may get more one day. */
export function outputSchema(fields: Fields): JsonSchema {
  const entries = Object.entries(fields);
  const properties = Object.fromEntries(entries.map(([key, { schema }]) => [key, schema]));
  return { type: "object", properties, required: entries.flatMap(([key, field]) => (field.isRequired ? [key] : [])) };
}

/** `value` as what `fields` describe, without nulls. @throws {AppError} INVALID_ARGUMENT that says what is wrong where. */
export function readFields<F extends Fields>(fields: F, value: unknown): ValuesOf<F> {
  const wrong = isObject(value) ? object("", fields).mismatch(value, "") : "they must be an object";
  if (wrong !== null) throw new AppError("INVALID_ARGUMENT", `invalid arguments: ${wrong}`);
  return withoutNulls(value) as ValuesOf<F>;
}

/** Nulls are only left where something may be left out. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isObject(value)) return value;
  const given = Object.entries(value).filter(([, entry]) => entry !== null);
  return Object.fromEntries(given.map(([key, entry]) => [key, withoutNulls(entry)]));
}

function mismatchOf(field: Field<unknown>, value: unknown, at: string): string | null {
  const isAbsent = value === undefined || value === null;
  if (!field.isRequired && isAbsent) return null;
  return value === undefined ? `"${at}" is required` : field.mismatch(value, at);
}

function firstOf<T>(entries: Iterable<T>, mismatch: (entry: T) => string | null): string | null {
  for (const entry of entries) {
    const wrong = mismatch(entry);
    if (wrong !== null) return wrong;
  }
  return null;
}

const orNull = (schema: JsonSchema): JsonSchema => ({ ...schema, type: [schema.type, "null"].flat() });
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const dotted = (at: string, key: string): string => (at === "" ? key : `${at}.${key}`);
const namesOf = (fields: Fields): string => Object.keys(fields).join(", ") || "none";
