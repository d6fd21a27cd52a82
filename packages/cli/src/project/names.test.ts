import { expect, test } from "bun:test";
import { formatGoDuration, parseGoDuration } from "./go-duration.ts";
import { isRegistryImage, lastSegmentOf, slugify } from "./names.ts";

test.each([
  ["My App_1", "my-app-1"],
  ["app.v2!", "appv2"],
])("%p becomes the name %p", (text, name) => {
  expect(slugify(text)).toBe(name);
});

test("an image of a registry has a host in front", () => {
  expect(["registry.test/team/app:1", "app:1.2", "sandbox/app:1.2", "team/app"].map(isRegistryImage)).toEqual([
    true,
    false,
    false,
    false,
  ]);
  expect(lastSegmentOf("registry.test:5000/team/app:1.2@sha256:ab")).toBe("app");
});

test.each([
  ["1h", 3_600_000, "1h0m0s"],
  ["1h30m", 5_400_000, "1h30m0s"],
  ["90s", 90_000, "1m30s"],
  ["1.5s", 1500, "2s"],
])("the duration %p", (text, durationMs, shown) => {
  expect(parseGoDuration(text)).toBe(durationMs);
  expect(formatGoDuration(durationMs)).toBe(shown);
});

test.each(["", "5", "5d", "h", "1h x"])("%p is no duration", (text) => {
  expect(() => parseGoDuration(text)).toThrow("Cannot read the duration");
});
