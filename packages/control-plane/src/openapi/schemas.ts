import * as wire from "@dormouse/schema";
import { z } from "zod";
import * as shapes from "./shapes.ts";

export type JsonSchema = Readonly<Record<string, unknown>>;

const PREFIX = "#/components/schemas/";

/** What is a schema among the exports has its export's name in the document. */
const names = z.registry<{ id: string }>();
for (const [id, exported] of Object.entries({ ...wire, ...shapes })) {
  if (exported instanceof z.ZodType) names.add(exported, { id });
}

/** A reference to a schema by its name. @throws TypeError for one without */
export function refTo(schema: z.ZodType): JsonSchema {
  const id = names.get(schema)?.id;
  if (id === undefined) throw new TypeError("Cannot refer to a schema: it is not exported, so it has no name");
  return { $ref: `${PREFIX}${id}` };
}

/** The properties of an object, with what they need. */
export function propertiesOf(schema: z.ZodObject): Readonly<Record<string, JsonSchema>> {
  const registry = z.registry<{ id: string }>().add(schema, { id: "query" });
  const { query } = toJson(registry);
  return (query?.["properties"] ?? {}) as Record<string, JsonSchema>;
}

/** The named schemas that `roots` refer to, and those that these refer to, by name. */
export function componentsFor(roots: unknown): Record<string, JsonSchema> {
  const all = toJson(names);
  const found = new Set<string>();
  const visit = (value: unknown): void => {
    for (const id of referencesIn(value)) {
      if (found.has(id)) continue;
      found.add(id);
      visit(all[id]);
    }
  };
  visit(roots);
  return Object.fromEntries([...found].toSorted().map((id) => [id, all[id] ?? {}]));
}

/**
 * What is sent and what is answered alike, as it is before defaults are filled in: answers are shapes of ours without
 * defaults, but for the specs that clients may send back.
 */
function toJson(registry: typeof names): Record<string, JsonSchema> {
  const { schemas } = z.toJSONSchema(registry, {
    io: "input",
    unrepresentable: "any",
    uri: (id) => `${PREFIX}${id}`,
    override: ({ jsonSchema }) => {
      delete jsonSchema.$schema;
      delete jsonSchema.$id;
      // The format says the same.
      if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    },
  });
  return Object.fromEntries(
    Object.entries(schemas).map(([id, { $schema: _schema, $id: _id, ...schema }]) => [id, schema as JsonSchema]),
  );
}

function referencesIn(value: unknown): string[] {
  return [...JSON.stringify(value ?? null).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(
    ([, id = ""]) => id,
  );
}
