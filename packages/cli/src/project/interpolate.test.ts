import { expect, test } from "bun:test";
import { interpolate, interpolateWhole } from "./interpolate.ts";

const variables = { env: { NAME: "app", EMPTY: "" }, secrets: { TOKEN: "t0k", NAME: "other" } };

test.each([
  ["$NAME-1", "app-1"],
  ["${NAME}", "app"],
  ["${ NAME }x", "appx"],
  ["${MISSING:7}", "7"],
  ["${MISSING:}", ""],
  ["${EMPTY:7}", ""],
  ["$secrets.TOKEN", "t0k"],
  ["${secrets.TOKEN}/${secrets.MISSING:none}", "t0k/none"],
  ["5 $ and $1", "5 $ and $1"],
])("%p becomes %p", (text, filled) => {
  expect(interpolate(text, variables)).toEqual({ text: filled, unresolved: [] });
});

test("what nobody has set stays as it is, and is named", () => {
  const { text, unresolved } = interpolate("$A ${secrets.B}", variables);
  expect(text).toBe("$A ${secrets.B}");
  expect(unresolved).toEqual([
    { name: "A", isSecret: false, fallback: undefined },
    { name: "B", isSecret: true, fallback: undefined },
  ]);
});

test("a value with more than a reference in it is left alone where dollar signs are content", () => {
  expect(interpolateWhole("pa$NAME", variables).text).toBe("pa$NAME");
  expect(interpolateWhole("$NAME", variables).text).toBe("app");
});
