import { expect, test } from "bun:test";
import {
  boolean,
  inputSchema,
  integer,
  list,
  map,
  nullable,
  object,
  optional,
  outputSchema,
  readFields,
  string,
} from "./fields.ts";

const FIELDS = {
  path: string("Path"),
  count: optional(integer("Count")),
  isDeep: optional(boolean("Deep")),
  env: optional(map("Variables", string("Value"))),
  regions: optional(list("Regions", object("Region", { file: string("File"), line: optional(integer("Line")) }))),
};

test("the schema is plain: a type or one with null, and nothing but the known keys", () => {
  expect(inputSchema(FIELDS)).toEqual({
    type: "object",
    additionalProperties: false,
    required: ["path"],
    properties: {
      path: { type: "string", description: "Path" },
      count: { type: ["integer", "null"], description: "Count" },
      isDeep: { type: ["boolean", "null"], description: "Deep" },
      env: {
        type: ["object", "null"],
        description: "Variables",
        additionalProperties: { type: "string", description: "Value" },
      },
      regions: {
        type: ["array", "null"],
        description: "Regions",
        items: {
          type: "object",
          description: "Region",
          additionalProperties: false,
          required: ["file"],
          properties: {
            file: { type: "string", description: "File" },
            line: { type: ["integer", "null"], description: "Line" },
          },
        },
      },
    },
  });
});

test("a result may have more keys than its schema, and null where it says so", () => {
  expect(outputSchema({ logs: nullable(string("Logs")) })).toEqual({
    type: "object",
    required: ["logs"],
    properties: { logs: { type: ["string", "null"], description: "Logs" } },
  });
});

test("null counts as left out", () => {
  expect(readFields(FIELDS, { path: "a", count: null, env: null })).toEqual({ path: "a" });
  const regions = [{ file: "f", line: null }];
  expect(readFields(FIELDS, { path: "a", regions })).toEqual({ path: "a", regions: [{ file: "f" }] });
});

test("what does not fit is refused with where and what", () => {
  const refusals: [value: unknown, text: string][] = [
    [undefined, "they must be an object"],
    [{}, `"path" is required`],
    [{ path: null }, `"path" must be a string`],
    [{ path: "a", count: 1.5 }, `"count" must be an integer`],
    [{ path: "a", isDeep: "yes" }, `"isDeep" must be a boolean`],
    [{ path: "a", env: { A: 1 } }, `"env.A" must be a string`],
    [{ path: "a", regions: [{ file: "f" }, { file: "f", line: "1" }] }, `"regions[1].line" must be an integer`],
    [{ path: "a", regions: [{ file: "f", lines: 1 }] }, `"regions[0].lines" is not known; known are file, line`],
    [{ path: "a", other: 1 }, `"other" is not known; known are path, count, isDeep, env, regions`],
  ];
  for (const [value, text] of refusals) expect(() => readFields(FIELDS, value)).toThrow(`invalid arguments: ${text}`);
});
